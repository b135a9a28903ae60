"""Run all eight chapters in sequence, then print the result table and the path of the report.

python tools/run_course.py --preset laptop --seed 0
python tools/run_course.py --task toy_choice
python tools/run_course.py --data my.csv --columns question=Frage,answer=Loesung

Executed notebooks, with their outputs, are kept in ``runs/<preset>/notebooks``. An interrupted run goes on
with the chapter that it was in (and training with its last checkpoint); a finished one starts anew.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import time
import warnings
from pathlib import Path

# Before anything reads them: a run needs no network, and a kernel draws into the notebook.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import papermill
from papermill.exceptions import PapermillExecutionError
from tqdm.auto import tqdm

from course_lib.artifacts import Run, read_json, write_json
from course_lib.errors import CourseError
from course_lib.presets import Preset, get_preset
from course_lib.report import build_report
from course_lib.summary import results_table
from course_lib.tasks import TASKS

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


class TrainingSteps(threading.Thread):
    """Shows how far training has come while chapter 6 runs, from the log that it writes."""

    def __init__(self, bar: tqdm, log: Path, steps: int):
        super().__init__(daemon=True)
        self.bar, self.log, self.steps, self.stopped = bar, log, steps, threading.Event()
        self.begun = time.time()

    def run(self) -> None:
        while not self.stopped.wait(1.0):
            if self.log.exists() and self.log.stat().st_mtime > self.begun:
                done = max(0, len(self.log.read_text().splitlines()) - 1)
                self.bar.set_postfix_str(f"GRPO step {done} of {self.steps}")


def same_run(state: dict, preset: Preset, seed: int) -> bool:
    """Whether an interrupted run had these settings. A field that was added since had its default value."""
    try:
        earlier = state["settings"]
        return Preset(**earlier["preset"]).settings() == preset.settings() and earlier["seed"] == seed
    except (KeyError, TypeError, CourseError):
        return False


def run_chapters(run: Run, preset: Preset, seed: int) -> None:
    """Execute the chapters that this run still lacks. Raises ``CourseError`` naming chapter and cell."""
    progress = run.root / "progress.json"
    state = read_json(progress) if progress.exists() else {}
    if not same_run(state, preset, seed) or len(state["done"]) == len(CHAPTERS):
        state = {"settings": {"preset": preset.to_dict(), "seed": seed}, "done": {}}
    elif state["done"]:
        print(f"Going on after {list(state['done'])[-1]} of an interrupted run (delete {progress} to start anew).")
    executed = run.chapter("notebooks")
    bar = tqdm(CHAPTERS, unit="chapter", file=sys.stdout, dynamic_ncols=True)
    for chapter in bar:
        bar.set_description(chapter.stem)
        if chapter.stem in state["done"]:
            continue
        steps = TrainingSteps(bar, run.root / "06_training" / "log.csv", preset.steps)
        if chapter.stem == "06_training":
            steps.start()
        started = time.perf_counter()
        try:
            papermill.execute_notebook(
                chapter,
                executed / chapter.name,
                parameters={"preset": preset.name, "seed": seed},
                cwd=executed,
                kernel_name="python3",
                progress_bar=False,
                extra_arguments=["--log-level=ERROR"],  # nothing between the lines of the bar
            )
        except PapermillExecutionError as error:
            raise CourseError(
                f"chapter {chapter.stem} stopped in cell {error.exec_count}: {error.ename}: {error.evalue}\n"
                f"The notebook up to there: {executed / chapter.name}"
            ) from None
        finally:
            steps.stopped.set()
            bar.set_postfix_str("")
        state["done"][chapter.stem] = round(time.perf_counter() - started, 1)
        write_json(progress, state)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", help="a task other than the preset's (python -m course_lib.tasks lists them)")
    parser.add_argument("--data", help="a file of your own: CSV, TSV, JSON, JSONL or Parquet")
    parser.add_argument("--columns", help="what its columns are called: question=...,answer=...,options=...")
    args = parser.parse_args()
    logging.getLogger("papermill").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="papermill|nbclient|zmq")
    try:
        preset = get_preset(
            f"{args.preset}-{args.task}" if args.task else args.preset,
            data=str(Path(args.data).resolve()) if args.data else None,
            columns=args.columns,
        )
        os.environ.update(COURSE_FILE=preset.data, COURSE_COLUMNS=preset.columns)  # for the kernels
        if preset.task in TASKS and TASKS[preset.task].hub:
            os.environ["HF_HUB_OFFLINE"] = "0"  # here the kernels may need the network
        if args.seed < 0:
            raise CourseError(f"the seed must be 0 or more, not {args.seed}")
        run = Run(preset)
        run_chapters(run, preset, args.seed)
        report = build_report(run.root, run.root / "report.html")
        results = read_json(run.root / "results.json")
    except CourseError as error:
        sys.exit(f"\n{error}")
    except OSError as error:
        sys.exit(f"\n{error}\nIf the disk is full, free some space; the same command goes on from there.")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; the same command goes on from here.")
    print("\n" + results_table(results))
    print(f"\nReport: {report}")


if __name__ == "__main__":
    main()
