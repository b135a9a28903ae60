"""Which split owns a problem: decided by a hash of the problem alone, so the same on every machine and run."""

from __future__ import annotations

import hashlib

SPLITS = {"train": range(0, 80), "validation": range(80, 90), "test": range(90, 100)}


def split_of(signature: str) -> str:
    """The split that owns a signature: its SHA-256 modulo 100."""
    bucket = int.from_bytes(hashlib.sha256(signature.encode()).digest()[:8], "big") % 100
    return next(name for name, buckets in SPLITS.items() if bucket in buckets)


def check_split(task: str, split: str) -> None:
    """Raises ``ValueError`` for a split that does not exist."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; {task} has {', '.join(SPLITS)}")
