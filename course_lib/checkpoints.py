"""Checkpoints that can be trusted: sealed once they are whole, and checked before a run goes on from one.

A run may be killed at any moment, also while it writes or deletes a checkpoint. So a finished checkpoint gets a seal,
the list of its files with their SHA-256, written last and in one piece. What has no seal, or differs from it, is not
used.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from course_lib.artifacts import write_json
from course_lib.distributed import wait
from course_lib.errors import CourseError, TrainingError

SEAL = "files.json"
MARK = "settings"
# A disk that is full, past a quota or a limit of size, that may not be written, or that fails.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


class Seal(TrainerCallback):
    """Seals each checkpoint. It must be the last callback: what others add to a checkpoint belongs to it."""

    def on_save(self, args, state, control, **kwargs):
        wait()  # every process writes a part
        if state.is_world_process_zero:
            seal(checkpoint_of(args.output_dir, state.global_step))


def checkpoint_of(folder: str | Path, step: int) -> Path:
    """Where the trainer keeps the checkpoint of a step."""
    return Path(folder) / f"checkpoint-{step}"


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(checkpoint: Path) -> None:
    """Declare a checkpoint whole."""
    files = sorted(p for p in checkpoint.rglob("*") if p.is_file() and p.name not in (SEAL, SEAL + ".new"))
    write_json(checkpoint / SEAL, {p.relative_to(checkpoint).as_posix(): _sha256(p) for p in files})


def damage(checkpoint: Path) -> str:
    """What is wrong with a checkpoint, in words; empty when it is whole."""
    try:
        listed = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "it was not finished"
    except ValueError:
        return f"{SEAL} is damaged"
    for name, wanted in listed.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        if _sha256(path) != wanted:
            return f"{name} is damaged"
    return ""


def _all(folder: Path) -> list[Path]:
    return sorted((p for p in folder.glob("checkpoint-*") if p.is_dir()), key=step_of, reverse=True)


def newest_checkpoint(folder: Path, until: float = float("inf")) -> Path | None:
    """The newest whole checkpoint, of step ``until`` or before."""
    return next((p for p in _all(folder) if step_of(p) <= until and not damage(p)), None)


def open_checkpoints(folder: Path, settings: Any) -> Path | None:
    """Make a run's folder of checkpoints ready, and return the newest whole one, if there is any to go on from.

    ``settings``: what decides how the run goes, anything that JSON can hold. Checkpoints of other settings are thrown
    away, and so are those that are not whole: the trainer would count them when it deletes old ones.
    """
    mark, wanted = folder / MARK, hashlib.sha256(json.dumps(settings).encode()).hexdigest()
    if not mark.is_file() or mark.read_text() != wanted:
        if _all(folder):
            print(f"The checkpoints in {folder} were made with other settings: starting anew.")
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        fresh = mark.with_suffix(".new")
        fresh.write_text(wanted)
        os.replace(fresh, mark)
    for checkpoint in _all(folder):
        if wrong := damage(checkpoint):
            print(f"Skipped {checkpoint.name}, since {wrong}.")
            shutil.rmtree(checkpoint)
    return next(iter(_all(folder)), None)


@contextmanager
def explained(output_dir: Path) -> Iterator[None]:
    """Say after an interruption, or when nothing more can be written, what is there and how to go on."""
    checkpoints = output_dir / "checkpoints"
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nInterrupted. {_how_to_go_on(checkpoints)}")
        raise
    except CourseError:
        raise
    except Exception as error:
        # torch and safetensors have errors of their own for a full disk: they leave an unfinished checkpoint behind.
        unfinished = any(not (p / SEAL).exists() for p in _all(checkpoints))
        if not (unfinished or (isinstance(error, OSError) and _about(error, output_dir))):
            raise
        raise TrainingError(
            f"cannot write to {output_dir} ({error}). Free some space on that disk, or choose a folder that can be "
            f"written (COURSE_RUNS for the chapters). {_how_to_go_on(checkpoints)}"
        ) from error


def _about(error: OSError, folder: Path) -> bool:
    """Whether an error comes from writing to a folder, and not from a file that, say, a reward has read."""
    if error.errno in DISK:
        return True
    named = Path(error.filename) if isinstance(error.filename, str) else None
    return named is not None and (named.is_relative_to(folder) or folder.is_relative_to(named))


def _how_to_go_on(checkpoints: Path) -> str:
    newest = newest_checkpoint(checkpoints)
    if newest is None:
        return "There is no checkpoint yet: the same call starts from the beginning."
    return f"Nothing is lost up to {newest.name}: the same call goes on from there."
