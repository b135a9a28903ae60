"""Make the recorded runs that README and the chapters quote, into ``recorded/``.

For each toy task: the whole course with the laptop preset and the first seed, as ``make run`` does it, which also
becomes the reference that a chapter falls back on when opened alone; then training and evaluation with the other
seeds. Then two controls with rewards that know nothing about the completions: a
constant (no gradient at all) and a coin (a gradient of noise). Last, two runs that go wrong: for chapter 6 the
same settings with a learning rate that is too high, for chapter 5 a learned reward that is trusted.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from course_lib.artifacts import REFERENCE, read_json, write_json
from course_lib.errors import TrainingError
from course_lib.evaluation import measure, results, save_tables
from course_lib.hacks import hack_table, toy_rows
from course_lib.models import load_adapter, load_model, load_tokenizer, machine
from course_lib.presets import Preset, get_preset
from course_lib.reward_model import learned_suite, load_reward, pair_accuracy, sample_pairs, train_reward_model
from course_lib.rewards import Suite, correctness_reward, get_suite
from course_lib.tasks import check_leakage, load_rows, preset_rows
from course_lib.training import train

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "recorded"
SMALL = {".json", ".csv"}
OTHER_TASKS = ("toy_choice", "toy_rubric")
PAIR_ROWS = {"train": 400, "validation": 100}  # problems whose samples make the pairs of the learned reward
PAIR_SEED = 1000  # other problems than those of the seeds' runs


def constant_reward(completions, **_) -> list[float]:
    return [1.0] * len(completions)


def coin_reward(completions, **_) -> list[float]:
    return [float(random.getrandbits(1)) for _ in completions]


def copy_small(source: Path, target: Path) -> None:
    """The JSON and CSV files of a run (no notebooks, no weights)."""
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(source.rglob("*")):
        if path.suffix in SMALL and not {"adapter", "merged", "hub", "notebooks"} & set(path.parts):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def record_course(name: str, seed: int, folder: Path) -> Path:
    """Run the course with a preset; returns its run folder."""
    command = [sys.executable, ROOT / "tools/run_course.py", "--preset", name, "--seed", str(seed)]
    subprocess.run(command, check=True, env=os.environ | {"COURSE_RUNS": str(folder)})
    run = folder / name
    target = RECORDED / name / f"seed-{seed}"
    copy_small(run, target)
    shutil.rmtree(target / "03_data_and_rewards")  # drawn anew from the seed wherever it is needed
    return run


def make_reference(run: Path, task: str) -> None:
    """What a chapter falls back on: the artefacts of this run, with the adapter."""
    reference = REFERENCE / task
    copy_small(run, reference)
    shutil.rmtree(reference / "03_data_and_rewards", ignore_errors=True)
    for name in ("progress.json", "results.json"):
        (reference / name).unlink(missing_ok=True)
    shutil.copytree(run / "06_training/adapter", reference / "06_training/adapter")


def train_and_measure(preset: Preset, suite: Suite, seed: int, run: Path) -> None:
    """What chapters 3 and 5 to 7 do, without the notebooks: the same files in the folder ``run``.

    Raises ``TrainingError`` when training has left the adapter where it was.
    """
    rows = preset_rows(preset, seed)
    check_leakage(rows["train"], rows["test"])
    tokenizer = load_tokenizer(preset.model)
    done = train(preset, suite, rows["train"], run / "06_training", seed)
    before = measure(load_model(preset.model), tokenizer, rows["test"], preset, seed)
    after = measure(load_adapter(load_model(preset.model), done.adapter), tokenizer, rows["test"], preset, seed)
    found = results(preset, seed, done.steps, round(done.train_seconds, 1), before, after)
    weights = {f.__name__: w for f, w in zip(suite.rewards, suite.weights, strict=True)}
    write_json(run / "05_reward_testing/rewards.json", {"suite": suite.name, "weights": weights})
    for place in (run, run / "07_evaluation"):
        write_json(place / "results.json", found)
    save_tables(run / "07_evaluation", before, after)


def record_task(name: str, seed: int, folder: Path) -> None:
    """Training and evaluation with a preset, without the notebooks."""
    preset, run = get_preset(name), folder / f"{name}-{seed}"
    train_and_measure(preset, get_suite(preset.suite_name), seed, run)
    copy_small(run, RECORDED / name / f"seed-{seed}")


def record_control(name: str, reward, seed: int, folder: Path) -> None:
    """The laptop preset with a reward that knows nothing; everything else as in the real run.

    Correctness has weight 0: it is in the log and nowhere else.
    """
    random.seed(seed)
    record = {"seed": seed, "machine": machine()}
    suite = Suite(name, (reward, correctness_reward), (1.0, 0.0), 1.0)
    try:
        train_and_measure(get_preset("laptop"), suite, seed, folder / name)
        record |= read_json(folder / name / "results.json")
    except TrainingError as error:
        record["outcome"] = str(error)
    write_json(RECORDED / "controls" / f"{name}.json", record)
    shutil.copyfile(folder / name / "06_training/log.csv", RECORDED / "controls" / f"{name}.csv")


def record_failure(seed: int, folder: Path) -> None:
    """The laptop preset with five times its learning rate; only the log and the record are kept."""
    preset = get_preset("laptop", learning_rate=5 * get_preset("laptop").learning_rate)
    rows = preset_rows(preset, seed)["train"]
    done = train(preset, get_suite("starter"), rows, folder / "failure", seed)
    target = RECORDED / f"learning rate {preset.learning_rate:g}"
    target.mkdir(parents=True, exist_ok=True)
    for path in (done.log, done.log.with_name("run.json")):
        shutil.copyfile(path, target / path.name)


def record_learned_reward(seed: int, folder: Path) -> None:
    """A reward model trained on pairs of the base model's samples, attacked, and trusted by a GRPO run.

    Written to ``recorded/learned_reward``: what the model learned (``reward_model.json``), the hacks' scores
    (``hacks.csv``) and the run, whose log has the learned reward and, with weight 0, correctness and form.
    """
    preset, target = get_preset("laptop"), RECORDED / "learned_reward"
    base, tokenizer = load_model(preset.model), load_tokenizer(preset.model)
    pairs = {
        split: sample_pairs(base, tokenizer, load_rows(preset.task, split, n, PAIR_SEED), seed=seed)
        for split, n in PAIR_ROWS.items()
    }
    start = time.perf_counter()
    log = train_reward_model(pairs["train"], folder / "reward_model", preset.model, seed=seed)
    seconds = time.perf_counter() - start
    reward = load_reward(folder / "reward_model")
    train_and_measure(preset, learned_suite(reward), seed, folder / "learned")
    copy_small(folder / "learned", target)
    hack_table(learned_suite(reward), toy_rows("number", 16)).to_csv(target / "hacks.csv", index=False)
    record = {
        "seed": seed,
        "train_seconds": round(seconds, 1),
        "pairs": {split: len(made) for split, made in pairs.items()},
        "pair_accuracy": {split: pair_accuracy(reward, made) for split, made in pairs.items()},
        "log": [{"step": entry["step"], "loss": entry["loss"], "accuracy": entry["accuracy"]} for entry in log],
        "machine": machine(),
    }
    write_json(target / "reward_model.json", record)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    every = ["course", *OTHER_TASKS, "controls", "learned_reward"]
    parser.add_argument("--only", choices=every, help="record this part alone")
    args = parser.parse_args()
    parts = [args.only] if args.only else every
    first = args.seeds[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in (part for part in parts if part in ("course", *OTHER_TASKS)):
            name = "laptop" if part == "course" else f"laptop-{part}"
            for seed in args.seeds:
                if seed == first:
                    make_reference(record_course(name, seed, folder / str(seed)), get_preset(name).task)
                else:
                    record_task(name, seed, folder)
        if "controls" in parts:
            for control, reward in (("constant", constant_reward), ("coin", coin_reward)):
                record_control(control, reward, first, folder)
            record_failure(first, folder)
        if "learned_reward" in parts:
            record_learned_reward(first, folder)


if __name__ == "__main__":
    main()
