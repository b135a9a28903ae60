"""Look at a task or at a file of your own before anything trains on it.

python -m course_lib.tasks
python -m course_lib.tasks --task race_high
python -m course_lib.tasks --data my.csv --columns question=Frage,answer=Loesung
"""

from __future__ import annotations

import argparse
from statistics import median

from course_lib.errors import CourseError
from course_lib.tasks import TASKS, check_leakage, load_file, load_rows
from course_lib.tasks.files import parse_columns
from course_lib.tasks.splits import SPLITS

DRAWN = 200  # rows of a generated task


def list_tasks() -> None:
    """One line a task."""
    for task in TASKS.values():
        where = f"Hub {task.hub}" if task.hub else "generated"
        print(f"{task.name:12} {task.kind:7} {task.about} ({where}; {task.source})")


def look(name: str, path: str | None, columns: dict[str, str]) -> None:
    """Print what a task is made of, and check that its splits share nothing. Raises ``CourseError``."""
    n = DRAWN if name in TASKS and not TASKS[name].hub else None
    rows = {split: load_rows(name, split, n, path=path, columns=columns) for split in SPLITS}
    every = [row for part in rows.values() for row in part]
    words = sorted(sum(len(message["content"].split()) for message in row["prompt"]) for row in every)
    print(f"task:   {name} ({TASKS[name].kind if name in TASKS else name})")
    print("rows:   " + ", ".join(f"{split} {len(part)}" for split, part in rows.items()))
    print(f"prompt: {words[0]} to {words[-1]} words, half of them at most {median(words):g}")
    check_leakage(rows["train"], rows["validation"] + rows["test"])
    check_leakage(rows["validation"], rows["test"])
    print("splits: no problem stands in two of them")
    for split in SPLITS:
        if not rows[split]:
            print(f"note:   no {split} rows; a file needs some dozens of rows to give each split its share")
    print("\n" + "\n\n".join(message["content"] for message in every[0]["prompt"]))
    print(f"\ngold:   {every[0]['answer']}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m course_lib.tasks", description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="", help="a task's name; for a file: number, choice or rubric")
    parser.add_argument("--data", help="a file of your own: CSV, TSV, JSON, JSONL or Parquet")
    parser.add_argument(
        "--columns", default="", help="what its columns are called: question=...,answer=...,options=..."
    )
    args = parser.parse_args()
    try:
        columns = parse_columns(args.columns)
        if args.data:
            look(load_file(args.data, columns, args.task)[0]["task"], args.data, columns)
        elif args.task:
            look(args.task, None, columns)
        else:
            list_tasks()
    except CourseError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
