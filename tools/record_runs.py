"""Make the recorded runs that README and the chapters quote, into ``recorded/``.

For each seed: the whole course with the laptop preset, as ``make run`` does it; the run of the first seed
also becomes the reference that a chapter falls back on when opened alone. Then two controls with rewards
that know nothing about the completions: a constant (no gradient at all) and a coin (a gradient of noise).
Last, a run that goes wrong, for chapter 6: the same settings with a learning rate that is too high.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from course_lib.artifacts import DATA, write_json
from course_lib.errors import TrainingError
from course_lib.evaluation import STRATEGIES, evaluate, results
from course_lib.models import load_adapter, load_model, load_tokenizer
from course_lib.presets import get_preset
from course_lib.rewards import Suite, get_suite
from course_lib.tasks import preset_rows
from course_lib.training import train

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "recorded"
SMALL = {".json", ".csv"}


def constant_reward(completions, **_) -> list[float]:
    return [1.0] * len(completions)


def coin_reward(completions, **_) -> list[float]:
    return [float(random.getrandbits(1)) for _ in completions]


def copy_small(source: Path, target: Path) -> None:
    """The JSON and CSV files of a run (no notebooks, no weights)."""
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(source.rglob("*")):
        if path.suffix in SMALL and not {"adapter", "merged", "notebooks"} & set(path.parts):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def record_course(seed: int, folder: Path) -> Path:
    """Run the course; returns its run folder."""
    command = [sys.executable, ROOT / "tools/run_course.py", "--preset", "laptop", "--seed", str(seed)]
    subprocess.run(command, check=True, env=os.environ | {"COURSE_RUNS": str(folder)})
    run = folder / "laptop"
    target = RECORDED / "laptop" / f"seed-{seed}"
    copy_small(run, target)
    shutil.rmtree(target / "03_data_and_rewards")  # drawn anew from the seed wherever it is needed
    return run


def make_reference(run: Path) -> None:
    """What a chapter falls back on: the artefacts of this run, with the adapter."""
    reference = DATA / "reference"
    copy_small(run, reference)
    shutil.rmtree(reference / "03_data_and_rewards")
    for name in ("progress.json", "results.json"):
        (reference / name).unlink()
    shutil.copytree(run / "06_training/adapter", reference / "06_training/adapter")


def record_control(name: str, reward, seed: int, folder: Path) -> None:
    """The laptop preset with a reward that knows nothing; everything else as in the real run."""
    preset = get_preset("laptop")
    rows = preset_rows(preset, seed)
    tokenizer = load_tokenizer(preset.model)
    random.seed(seed)
    try:
        done = train(preset, Suite(name, (reward,), (1.0,), 1.0), rows["train"], folder / name, seed)
    except TrainingError as error:
        write_json(RECORDED / "controls" / f"{name}.json", {"seed": seed, "outcome": str(error)})
        return

    def measure(model):
        return {s: evaluate(model, tokenizer, rows["test"], s, batch_size=preset.eval_batch) for s in STRATEGIES}

    before = measure(load_model(preset.model))
    after = measure(load_adapter(load_model(preset.model), done.adapter))
    found = results(preset, seed, done.steps, round(done.train_seconds, 1), before, after)
    write_json(RECORDED / "controls" / f"{name}.json", found)


def record_failure(seed: int, folder: Path) -> None:
    """The laptop preset with five times its learning rate; only the log and the record are kept."""
    preset = get_preset("laptop", learning_rate=5 * get_preset("laptop").learning_rate)
    rows = preset_rows(preset, seed)["train"]
    done = train(preset, get_suite("starter"), rows, folder / "failure", seed)
    target = RECORDED / f"learning rate {preset.learning_rate:g}"
    target.mkdir(parents=True, exist_ok=True)
    for path in (done.log, done.log.with_name("run.json")):
        shutil.copyfile(path, target / path.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in args.seeds:
            run = record_course(seed, folder / str(seed))
            if seed == args.seeds[0]:
                make_reference(run)
        for control, reward in (("constant", constant_reward), ("coin", coin_reward)):
            record_control(control, reward, args.seeds[0], folder)
        record_failure(args.seeds[0], folder)


if __name__ == "__main__":
    main()
