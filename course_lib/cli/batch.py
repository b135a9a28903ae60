"""Put every question of a file to the model.

IN: a text file with one question a line, a JSON list, or JSON lines; an entry is a question or an object with one.
OUT: JSON (a list), JSON lines or CSV, by its ending. It is written again after every batch: an interrupted batch goes
on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from course_lib.cli import asking
from course_lib.errors import DataError

ENDINGS = (".json", ".jsonl", ".csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="IN", type=Path)
    parser.add_argument("output", metavar="OUT", type=Path)
    parser.add_argument("--batch-size", type=int, default=32, help="questions at a time (default: %(default)s)")
    asking.add_model_arguments(parser)


def read_questions(path: Path) -> list[str]:
    """The questions of a file. Raises ``DataError`` naming the entry that is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".json":
            entries = json.loads(text)
        else:
            lines = [line for line in text.splitlines() if line.strip()]
            entries = [json.loads(line) for line in lines] if path.suffix == ".jsonl" else lines
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(entries, list):
        raise DataError(f"{path} should hold a list of questions")
    questions = [entry.get("question") if isinstance(entry, dict) else entry for entry in entries]
    for number, question in enumerate(questions, 1):
        if not isinstance(question, str) or not question.strip():
            raise DataError(f"{path}, entry {number}: a question is text, or an object with a text 'question'")
    if not questions:
        raise DataError(f"{path} holds no questions")
    return questions


def read_replies(path: Path) -> list[dict]:
    """The replies of an interrupted batch, none where there is no such file."""
    if not path.exists():
        return []
    try:
        if path.suffix == ".csv":
            import pandas as pd

            return pd.read_csv(path, keep_default_na=False).to_dict("records")
        text = path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} exists and is not a batch's output ({error}); name another file") from error


def write_replies(path: Path, replies: list[dict]) -> None:
    """Write all replies so that a reader never sees half a file."""
    fresh = path.with_name(path.name + ".new")
    if path.suffix == ".csv":
        import pandas as pd

        pd.DataFrame(replies).to_csv(fresh, index=False)
    elif path.suffix == ".jsonl":
        fresh.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in replies), encoding="utf-8")
    else:
        fresh.write_text(json.dumps(replies, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(fresh, path)


def run(args: argparse.Namespace) -> int:
    from tqdm.auto import tqdm

    if args.output.suffix not in ENDINGS:
        raise DataError(f"OUT should end in one of {', '.join(ENDINGS)}, not {args.output.name!r}")
    if args.batch_size < 1:
        raise DataError("--batch-size must be 1 or more")
    questions = read_questions(args.input)
    replies = read_replies(args.output)
    told = {"checkpoint": args.checkpoint, "strategy": args.strategy, "domain": args.domain or "", "seed": args.seed}
    same = [{"question": q.strip(), **told} for q in questions[: len(replies)]]
    if [{key: reply.get(key) for key in ("question", *told)} for reply in replies] != same:
        raise DataError(f"{args.output} holds other questions or settings; name another file, or delete it")
    if len(replies) == len(questions):
        print(f"{args.output} already holds all {len(questions)} replies.")
        return 0
    args.output.parent.mkdir(parents=True, exist_ok=True)
    assistant, options = asking.load(args), asking.options_of(args)
    bar = tqdm(total=len(questions), initial=len(replies), unit="question")
    for start in range(len(replies), len(questions), args.batch_size):
        part = questions[start : start + args.batch_size]
        for reply in assistant.ask(part, asking.style_of(args), **{**options, "seed": args.seed + start}):
            replies.append({**reply.to_dict(), **told})
        write_replies(args.output, replies)
        bar.update(len(part))
    bar.close()
    formed = sum(reply["well_formed"] in (True, "True") for reply in replies)
    print(f"{len(replies)} replies in {args.output}, {formed} of them well formed")
    return 0
