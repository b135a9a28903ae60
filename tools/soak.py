"""Kill training at random points, go on, and compare with the run that nobody disturbed.

python tools/soak.py                       # twenty trials, recorded in recorded/soak.json
python tools/soak.py --trials 3 --seed 7

A trial starts a small run on the tiny model in a process of its own, stops it one to three times, lets it go on each
time, and asks whether adapter and log are those of the undisturbed run, byte for byte (but for the seconds in the
log), and whether a stop cost more than one checkpoint interval. It stops a run in four ways: SIGKILL at a random time
(clock), SIGKILL while a checkpoint is being written (writing), SIGKILL right before one of the run's file operations
(file), and Ctrl-C (interrupt). The schedule follows from the seed; what is reached by then depends on the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the sums of several threads need not agree to the last bit

import pandas as pd
from tqdm import tqdm

from course_lib import training
from course_lib.artifacts import write_json
from course_lib.checkpoints import SEAL, newest_checkpoint, step_of
from course_lib.models import machine
from course_lib.presets import get_preset
from course_lib.rewards import get_suite
from course_lib.tasks import load_rows

RECORD = Path(__file__).resolve().parents[1] / "recorded/soak.json"
PRESET = get_preset("smoke", steps=8, prompts_per_step=2, group_size=4, checkpoint_every=2, max_completion_length=40)
WAYS = ("clock", "writing", "file", "interrupt")
WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")
# Importing takes longer than a trial's run, so processes are forked where that is safe: nothing was computed before.
PROCESSES = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def on_file_operation(folder: Path, act: Callable[[str], None]) -> None:
    """Call ``act`` before each operation of this process that changes a file below a folder."""

    def hook(event: str, args: tuple) -> None:
        changes = event in WRITES or (event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR))
        if changes and isinstance(args[0], str) and args[0].startswith(str(folder)):
            act(f"{event.removeprefix('os.')} {Path(args[0]).relative_to(folder)}")

    sys.addaudithook(hook)


def run_once(folder: Path, output: Path, die_at: int = 0) -> None:
    """One training run, in a process of its own; ``die_at``: the file operation before which it kills itself."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs do not listen to it
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # what is told must outlive SIGKILL
    count = 0

    def act(what: str) -> None:
        nonlocal count
        count += 1
        os.write(1, f"FILE {count} {what}\n".encode())
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    on_file_operation(folder, act)
    saving, save = [], training.GRPOTrainer._save_checkpoint

    def timed_save(*args, **kwargs):
        saving.append(-time.perf_counter())
        save(*args, **kwargs)

    def timed_seal(checkpoint: Path):
        inner_seal(checkpoint)
        os.write(1, f"SAVED {saving[-1] + time.perf_counter()}\n".encode())

    from course_lib import checkpoints

    inner_seal, checkpoints.seal = checkpoints.seal, timed_seal
    training.GRPOTrainer._save_checkpoint = timed_save
    rows = load_rows("toy_math", "train", PRESET.train_problems, 0)
    training.train(PRESET, get_suite("starter"), rows, folder, seed=0, quiet=True)


def start(folder: Path, output: Path, die_at: int = 0) -> multiprocessing.Process:
    process = PROCESSES.Process(target=run_once, args=(folder, output, die_at))
    process.start()
    return process


def unfinished(folder: Path) -> Path | None:
    """The checkpoint that is being written."""
    found = (p for p in folder.glob("checkpoints/checkpoint-*") if not (p / SEAL).exists())
    return next(found, None)


def stop(way: str, dice: random.Random, folder: Path, output: Path, reference: dict) -> dict | None:
    """Run, and stop the run in this way. Returns where it was stopped; ``None`` if it had finished before."""
    die_at = dice.randint(1, reference["file_operations"]) if way == "file" else 0
    moment = dice.uniform(0.05, 0.95)
    newest = newest_checkpoint(folder / "checkpoints")
    ahead = range(step_of(newest) if newest else 0, PRESET.steps, PRESET.checkpoint_every)
    wanted = folder / f"checkpoints/checkpoint-{dice.choice(ahead or [0]) + PRESET.checkpoint_every}"
    process = start(folder, output, die_at)
    if way in ("clock", "interrupt"):
        process.join(moment * reference["seconds"])
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL if way == "clock" else signal.SIGINT)
    elif way == "writing":
        for there in (True, False):  # first what an earlier stop has left of it must go
            while process.is_alive() and wanted.exists() == there:
                time.sleep(0.0002)
        time.sleep(moment * reference["checkpoint_ms"] / 1000)
        process.kill()
    process.join()
    if process.exitcode == 0:
        return None
    told, half = output.read_text(), unfinished(folder)
    if way == "file":
        where = "before " + told.strip().rpartition("FILE ")[2].partition(" ")[2]
    elif half:
        where = f"while writing {half.name}, after {', '.join(sorted(p.name for p in half.iterdir())) or 'nothing'}"
    else:
        where = "between checkpoints"
    if way == "interrupt" and gone_on_from(output) is not None and "the same call" not in told:
        raise SystemExit(f"Ctrl-C was not explained:\n{told}")
    if way != "interrupt" and process.exitcode != -signal.SIGKILL:
        raise SystemExit(f"the run failed by itself:\n{told}")
    return {"way": way, "where": where, "steps_done": steps_in(folder)}


def steps_in(folder: Path) -> int:
    """Steps that the log of a run holds."""
    log = folder / "log.csv"
    return max(0, len(log.read_text().splitlines()) - 1) if log.exists() else 0


def result_of(folder: Path) -> dict:
    """What must not depend on interruptions."""
    adapter = (folder / "adapter/adapter_model.safetensors").read_bytes()
    log = pd.read_csv(folder / "log.csv", dtype=str).drop(columns="step_time").to_csv()
    return {"adapter": hashlib.sha256(adapter).hexdigest(), "log": hashlib.sha256(log.encode()).hexdigest()}


def gone_on_from(output: Path) -> int | None:
    """The step that a run has started from; ``None`` if it was stopped before it started."""
    told = output.read_text()
    found = re.search(r"Going on from checkpoint-(\d+)", told)
    return int(found.group(1)) if found else 0 if "open log.new" in told else None


def note_start(stops: list[dict], output: Path) -> None:
    """Add to the stops that lie behind a run where it has gone on from."""
    start_step = gone_on_from(output)
    for found in stops:
        if start_step is not None and "gone_on_from" not in found:
            found["gone_on_from"] = start_step


def measure_reference(folder: Path, output: Path) -> dict:
    """The undisturbed run: its result, and what the schedule needs to know."""
    started = time.perf_counter()
    process = start(folder, output)
    process.join()
    if process.exitcode:
        raise SystemExit(f"the undisturbed run failed:\n{output.read_text()}")
    told = output.read_text()
    return {
        "result": result_of(folder),
        "seconds": time.perf_counter() - started,
        "file_operations": told.count("FILE "),
        "checkpoint_ms": 1000 * statistics.median(float(s) for s in re.findall(r"SAVED (\S+)", told)),
    }


def run_trial(number: int, seed: int, place: Path, reference: dict) -> dict:
    """One trial; it has at least one stop."""
    dice, stops = random.Random(f"{seed} {number}"), []
    for attempt in range(9):
        if stops:
            break
        folder = place / f"trial-{number}-{attempt}"
        for i in range(dice.randint(1, 3)):
            output = place / f"{folder.name}-{i}.txt"
            found = stop(WAYS[(number + i) % len(WAYS)], dice, folder, output, reference)
            note_start(stops, output)
            if found is None:
                break
            stops.append(found)
        else:
            output = place / f"{folder.name}-last.txt"
            process = start(folder, output)
            process.join()
            if process.exitcode:
                raise SystemExit(f"trial {number} of seed {seed}: the run cannot go on:\n{output.read_text()}")
            note_start(stops, output)
    if not stops:
        raise SystemExit(f"trial {number} of seed {seed}: no run could be stopped before its end")
    for found in stops:
        found["lost"] = found["steps_done"] - found["gone_on_from"]
    same = result_of(folder) == reference["result"]
    shutil.rmtree(folder)
    return {"trial": number, "identical": same, "most_steps_lost": max(s["lost"] for s in stops), "stops": stops}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RECORD)
    args = parser.parse_args()
    print(f"the schedule of seed {args.seed}")
    tqdm.monitor_interval = 0  # no thread beside the one that forks
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        reference = measure_reference(place / "reference", place / "reference.txt")
        trials = [
            run_trial(number, args.seed, place, reference)
            for number in tqdm(range(args.trials), desc="kill and go on", unit="trial")
        ]
    bad = [t for t in trials if not t["identical"] or t["most_steps_lost"] > PRESET.checkpoint_every]
    record = {
        "trials": len(trials),
        "identical": sum(t["identical"] for t in trials),
        "stops": sum(len(t["stops"]) for t in trials),
        "most_steps_lost": max(t["most_steps_lost"] for t in trials),
        "checkpoint_every": PRESET.checkpoint_every,
        "steps": PRESET.steps,
        "checkpoint_ms": round(reference["checkpoint_ms"], 1),
        "seed": args.seed,
        "machine": machine(),
        "each": trials,
    }
    write_json(args.out, record)
    print(
        f"{record['identical']} of {record['trials']} runs, stopped {record['stops']} times, end with the same bytes; "
        f"at most {record['most_steps_lost']} steps lost; one checkpoint takes {record['checkpoint_ms']:.0f} ms"
    )
    for trial in bad:
        print(f"seed {args.seed}, trial {trial['trial']}: {trial}", file=sys.stderr)
    if bad:
        sys.exit(1)


if __name__ == "__main__":
    main()
