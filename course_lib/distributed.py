"""One run on several processes (``torchrun``, ``accelerate launch``): who speaks, who writes, who waits.

All of it is accelerate's; on one process nothing here does anything. Several machines need a folder for
``COURSE_RUNS`` that all of them see.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.artifacts import runs_dir
from course_lib.presets import Preset
from course_lib.validation import check_processes

if TYPE_CHECKING:
    from accelerate import PartialState


def state() -> PartialState:
    """accelerate's view of the launch. The first call joins the other processes (gloo on a CPU, NCCL on GPUs)."""
    import torch
    from accelerate import PartialState

    cpu = not torch.cuda.is_available()
    if cpu and "LOCAL_RANK" in os.environ:
        # accelerate would name the device cpu:0, which torch.load knows no place for when a run is resumed
        os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    return PartialState(cpu=cpu)


def world_size() -> int:
    """How many processes share the run."""
    return state().num_processes


def is_main() -> bool:
    """Whether this process is the one that prints, draws and writes."""
    return state().is_main_process


def wait() -> None:
    """Wait until every process has come this far."""
    state().wait_for_everyone()


def quiet_others() -> None:
    """From here on, every process but the main one prints and draws nothing; its errors still show."""
    if is_main():
        return
    import matplotlib.pyplot as plt

    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, it stays open to the end
    plt.switch_backend("template")  # matplotlib's backend that does nothing


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder that all processes share; the main one makes and removes it."""
    from accelerate.utils import broadcast_object_list

    shared = runs_dir() if world_size() > 1 else None  # /tmp is not the same on several machines
    told = [tempfile.mkdtemp(prefix="scratch-", dir=shared) if is_main() else None]
    folder = Path(broadcast_object_list(told)[0])
    try:
        yield folder
    finally:
        wait()
        if is_main():
            shutil.rmtree(folder)


def whole(parameter):
    """A parameter in full, also where FSDP2 or ZeRO-3 has cut it up over the processes: then all must call this."""
    if hasattr(parameter, "full_tensor"):
        return parameter.full_tensor()
    if hasattr(parameter, "ds_id"):
        from deepspeed.zero import GatheredParameters

        with GatheredParameters([parameter]):
            return parameter.clone()
    return parameter


def batch_of_one_process(preset: Preset) -> int:
    """Completions in one micro-batch of one process, so that a step sees as many as on a single process.

    Raises ``SettingError`` when a micro-batch cannot be shared out equally.
    """
    processes = world_size()
    check_processes(preset, processes)
    return preset.batch_size // processes
