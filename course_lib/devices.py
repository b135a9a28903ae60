"""Which device the course uses. Nothing here loads torch before it is asked."""

from __future__ import annotations

import os

from course_lib.errors import SettingError


def distributed() -> bool:
    """Whether ``torchrun`` or ``accelerate launch`` started this process as one of several."""
    return "RANK" in os.environ or "WORLD_SIZE" in os.environ


BF16_FROM = (8, 0)  # compute capability; below it torch.cuda.is_bf16_supported() says yes too, for an emulation


def has_bf16() -> bool:
    """Whether there is a GPU that computes in bfloat16 itself."""
    import torch

    return torch.cuda.is_available() and torch.cuda.get_device_capability() >= BF16_FROM


def pin_gpu() -> None:
    """Let torch see one GPU: the first, or the one that ``COURSE_DEVICE`` names (``cuda:1``); none for ``cpu``.

    With two GPUs and one process, transformers' trainer would spread a batch over both (``DataParallel``), which TRL
    refuses. Nothing is changed in a process of a distributed launch, nor a choice already made in
    ``CUDA_VISIBLE_DEVICES``, unless ``COURSE_DEVICE`` asks for the CPU. Call it before torch loads.
    """
    kind, _, index = os.environ.get("COURSE_DEVICE", "").partition(":")
    if distributed():
        return
    if kind in ("cpu", "mps"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif index.isdecimal() or not index:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", index or "0")


def pick_device(asked: str = "") -> str:
    """``cuda``, ``mps`` or ``cpu``: what is asked for, else what ``COURSE_DEVICE`` names, else the first that is there.

    Raises ``SettingError`` for a device that torch does not know or does not see.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    told = f"the device is to be {asked!r}" if asked else f"COURSE_DEVICE is {os.environ.get('COURSE_DEVICE', '')!r}"
    asked = asked or os.environ.get("COURSE_DEVICE", "")
    kind, colon, index = asked.partition(":")
    if asked and (kind not in there or (colon and not (kind == "cuda" and index.isdecimal()))):
        raise SettingError(f"{told}; it may be cuda, cuda:1 and so on, mps or cpu")
    if asked and not there[kind]:
        seen = ", ".join(name for name, is_there in there.items() if is_there)
        raise SettingError(f"{told}, but torch sees only: {seen}; leave it out, or choose one of these")
    return kind or next(name for name, is_there in there.items() if is_there)
