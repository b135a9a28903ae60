"""The thin library behind the course *Teaching Gemma 3 to Reason with GRPO*."""

from course_lib.devices import pin_gpu

__version__ = "0.1.0"

pin_gpu()  # here, since it must come before torch loads
