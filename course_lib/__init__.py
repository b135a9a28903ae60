"""The thin library behind the course *Teaching Gemma 3 to Reason with GRPO*."""

__version__ = "0.1.0"
