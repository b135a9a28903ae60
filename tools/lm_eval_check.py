"""The same questions to the same exported model, asked by lm-evaluation-harness: does it find the same accuracy?

``make lm-eval``, or ``.venv/bin/python tools/lm_eval_check.py --model FOLDER --n 512``. Without ``--model``: the
tiny model, and the same with the adapter that ships with the course, merged; recorded in ``recorded/lm_eval.json``.
The harness runs in an environment of its own, and loads the model, puts the chat template, generates and scores by
itself; from the course it has the texts of the questions and the answers.

It reads an answer with one regular expression: the last ``<answer>`` block that holds nothing but a whole number.
The course's grader also reads 1,000, 18.00 or 1/2, and reads nothing where there are two answer blocks or a reasoning
tag follows. ``disagreements`` lists the completions on which the two readings come to different verdicts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from course_lib.artifacts import REFERENCE, write_json
from course_lib.errors import CourseError
from course_lib.evaluation import evaluate
from course_lib.export import export_merged
from course_lib.models import TINY, load_adapter, load_model, load_tokenizer, machine
from course_lib.tasks import load_rows

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-lm-eval/bin/python"
REQUIREMENTS = ROOT / "requirements-lm-eval.txt"
RECORD = ROOT / "recorded/lm_eval.json"
TASK = "course_toy_math"
ANSWER = r"<answer>\s*(-?[0-9]+)\s*</answer>"
MAX_TOKENS = 80


@dataclass(frozen=True)
class CrossCheck:
    """``accuracy``: the harness's own figure and the course's. ``table``: a row for each question, with both
    responses (``course``, ``harness``) and both verdicts (``course_right``, ``harness_right``)."""

    accuracy: dict[str, float]
    table: pd.DataFrame

    @property
    def same_responses(self) -> float:
        return float((self.table["course"] == self.table["harness"]).mean())

    @property
    def disagreements(self) -> pd.DataFrame:
        return self.table[self.table["course_right"] != self.table["harness_right"]]


def write_task(folder: Path, rows: list[dict]) -> Path:
    """The questions as JSON lines and the task's description, as the harness wants them."""
    lines = [json.dumps({"question": row["prompt"][-1]["content"], "answer": str(row["answer"])}) for row in rows]
    (folder / "test.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    task = {
        "task": TASK,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "test.jsonl")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["<end_of_turn>"], "do_sample": False, "max_gen_toks": MAX_TOKENS},
        "filter_list": [
            {
                "name": "last answer block",
                "filter": [
                    {"function": "regex", "regex_pattern": ANSWER, "group_select": -1},
                    {"function": "take_first"},
                ],
            }
        ],
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1},
    }
    path = folder / f"{TASK}.yaml"
    path.write_text(json.dumps(task, indent=1), encoding="utf-8")  # JSON is YAML
    return path


def run_harness(model: Path, rows: list[dict], folder: Path, batch_size: int = 50) -> tuple[float, list[dict]]:
    """(the accuracy that the harness reports, its samples in the order of ``rows``). Raises ``CourseError``."""
    if not PYTHON.exists():
        raise CourseError(f"{PYTHON} is missing; `make lm-eval` makes it")
    arguments = f"pretrained={model},dtype=float32"
    command = [PYTHON, "-m", "lm_eval", "--model", "hf", "--model_args", arguments, "--tasks", write_task(folder, rows)]
    command += ["--apply_chat_template", "--device", "cpu", "--batch_size", str(batch_size), "--log_samples"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [*map(str, command), "--output_path", str(folder / "out")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    results, samples = (sorted((folder / "out").rglob(f"{name}*.json*")) for name in ("results", "samples"))
    if done.returncode or not results or not samples:
        raise CourseError("lm-evaluation-harness failed:\n" + "\n".join(done.stderr.splitlines()[-15:]))
    scores = json.loads(results[0].read_text("utf-8"))["results"][TASK]
    found = [json.loads(line) for line in samples[0].read_text("utf-8").split("\n") if line]
    return scores["exact_match,last answer block"], sorted(found, key=lambda sample: sample["doc_id"])


def cross_check(model: Path, rows: list[dict], folder: Path) -> CrossCheck:
    """Ask ``model`` (a folder in the form of Hugging Face) the same questions twice, greedily."""
    accuracy, samples = run_harness(model, rows, folder)
    ours = evaluate(load_model(str(model)), load_tokenizer(str(model)), rows, max_new_tokens=MAX_TOKENS)
    table = pd.DataFrame(
        {
            "question": ours["question"],
            "gold": ours["gold"],
            "course": ours["completion"],
            "harness": [sample["resps"][0][0] for sample in samples],
            "course_right": ours["correct"],
            "harness_right": [sample["exact_match"] == 1.0 for sample in samples],
        }
    )
    return CrossCheck({"harness": accuracy, "course": float(ours["correct"].mean())}, table)


def merge_reference(folder: Path) -> Path:
    """The adapter that ships with the course, merged into the tiny model."""
    adapted = load_adapter(load_model("tiny"), REFERENCE / "toy_math/06_training/adapter")
    return export_merged(adapted, load_tokenizer("tiny"), folder)


def told(name: str, found: CrossCheck) -> dict:
    """Print a comparison, and return what is recorded of it."""
    shown = {tool: f"{100 * rate:.1f} %" for tool, rate in found.accuracy.items()}
    print(f"{name}: {shown['harness']} right by the harness, {shown['course']} by the course, of {len(found.table)}")
    print(f"  the same response, letter by letter: {100 * found.same_responses:.1f} %")
    print(f"  different verdicts: {len(found.disagreements)}")
    for row in found.disagreements.itertuples():
        print(f"\n{row.question}  [gold: {row.gold}]\n{row.course}")
    return found.accuracy | {"same_responses": found.same_responses, "different_verdicts": len(found.disagreements)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a merged model, such as runs/laptop/08_export/merged")
    parser.add_argument("--n", type=int, default=512, help="how many held-out questions of toy_math")
    args = parser.parse_args()
    rows = load_rows("toy_math", "test", args.n, 0)
    with tempfile.TemporaryDirectory() as name:
        if args.model:
            models = {args.model.name: args.model.resolve()}
        else:
            models = {"base": TINY, "trained": merge_reference(Path(name, "merged"))}
        found = {}
        for which, model in models.items():
            folder = Path(name, "asked", which)
            folder.mkdir(parents=True)
            try:
                found[which] = told(which, cross_check(model, rows, folder))
            except CourseError as error:
                sys.exit(str(error))
    if not args.model:
        lines = REQUIREMENTS.read_text("utf-8").split()
        harness = next(line.partition("==")[2] for line in lines if line.startswith("lm_eval=="))
        write_json(RECORD, {"task": "toy_math", "n": args.n, "harness": harness, "machine": machine(), **found})


if __name__ == "__main__":
    main()
