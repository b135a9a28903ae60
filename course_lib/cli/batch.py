"""Put every question of a file to the model.

OUT has a line for each question: its number in IN (``entry``), the other fields of its entry (``given_answer`` for an
``answer``, and so on), the reply, and what it was made with. It is written again after every batch: an interrupted
batch goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from course_lib.assistant import Reply, check_question, find_checkpoint
from course_lib.cli import asking
from course_lib.cli.options import output_file, whole
from course_lib.errors import DataError

ENDINGS = (".json", ".jsonl", ".csv")
TABLES = (".csv", ".tsv")
IN_ENDINGS = (".txt", ".json", ".jsonl", *TABLES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = f"{parser.description} {asking.KNOWS}"
    parser.add_argument(
        "input",
        metavar="IN",
        type=Path,
        help="the questions: .txt (one a line), .json (a list) or .jsonl (each a text, or an object with a "
        "'question'), .csv or .tsv (with a column 'question')",
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        type=output_file,
        help="the replies: .json, .jsonl or .csv; the same command goes on with what is there",
    )
    parser.add_argument("--batch-size", type=whole(1), default=32, help="questions at a time (default: %(default)s)")
    asking.add_asking_arguments(parser)


def read_entries(path: Path) -> list[dict]:
    """The entries of a file, each with a checked ``question``. Raises ``DataError`` naming the entry that is none."""
    if path.suffix not in IN_ENDINGS:
        raise DataError(f"IN should end in one of {', '.join(IN_ENDINGS)}, not {path.name!r}")
    entries = []
    for number, entry in enumerate(_raw_entries(path), 1):
        entry = entry if isinstance(entry, dict) else {"question": entry}
        if not isinstance(entry.get("question"), str):
            raise DataError(f"{path}, entry {number}: a question is text, or an object with a text 'question'")
        try:
            entries.append({**entry, "question": check_question(entry["question"])})
        except DataError as error:
            raise DataError(f"{path}, entry {number}: {error}") from None
    if not entries:
        raise DataError(f"{path} holds no questions")
    return entries


def _raw_entries(path: Path) -> list:
    if path.suffix in TABLES:
        from course_lib.tasks.sources import read_file

        rows = [row for row, _ in read_file(path)]
        if "question" not in rows[0]:
            raise DataError(f"{path} has no column 'question', only: {', '.join(rows[0])}; name one of them so")
        return rows
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".json":
            entries = json.loads(text)
        else:
            lines = [line for line in text.split("\n") if line.strip()]
            entries = [json.loads(line) for line in lines] if path.suffix == ".jsonl" else lines
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(entries, list):
        raise DataError(f"{path} should hold a list of questions")
    return entries


def read_replies(path: Path) -> list[dict]:
    """The replies of an interrupted batch, none where there is no such file. Those of a CSV are all text."""
    if not path.exists():
        return []
    try:
        if path.suffix == ".csv":
            import pandas as pd

            return pd.read_csv(path, keep_default_na=False, dtype=str).to_dict("records")
        lines = path.read_text(encoding="utf-8")
        replies = (
            [json.loads(line) for line in lines.split("\n") if line] if path.suffix == ".jsonl" else json.loads(lines)
        )
        if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
            raise ValueError("not a list of replies")
        return replies
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


def made_with(args: argparse.Namespace) -> dict:
    """All that decides the replies, as it is recorded with each of them."""
    found = find_checkpoint(args.checkpoint, args.preset)
    return {
        "checkpoint": found.name,
        "adapter": found.fingerprint,
        "model": found.source,
        "preset": args.preset.name,
        "strategy": args.strategy,
        "domain": args.domain or "",
        "shots": args.shots,
        "max_tokens": asking.sizes_of(args)["max_new_tokens"],
        "seed": args.seed,
    }


def check_same(path: Path, replies: list[dict], entries: list[dict], told: dict) -> None:
    """Raises ``DataError`` if the replies that are there are to other questions, or were made with other settings."""
    for number, (reply, entry) in enumerate(zip(replies, entries, strict=False), 1):
        for name, value in told.items():
            before, now = str(reply.get(name, "unknown")), str(value)
            if before != now:
                mend = "give the same options, name another file, or delete it"
                raise DataError(f"{path} was made with {name} {before or 'none'}, not {now or 'none'}; {mend}")
        if reply.get("question") != entry["question"]:
            raise DataError(f"{path} holds another question as its entry {number}; name another file, or delete it")
    if len(replies) > len(entries):
        raise DataError(f"{path} holds more replies than there are questions; name another file, or delete it")


def joined(number: int, entry: dict, reply: Reply, told: dict) -> dict:
    """A line of the output; what an entry brings along never takes the place of what the model said."""
    said = {"entry": number, **reply.to_dict(), **told}
    given = {f"given_{name}" if name in said else name: entry[name] for name in entry if name != "question"}
    return {"entry": number, **given, **said}


def answer_all(args: argparse.Namespace, entries: list[dict], replies: list[dict], told: dict) -> None:
    """Put the questions that are left to the model, and write ``replies`` after every batch."""
    from tqdm.auto import tqdm

    assistant, options = asking.load(args), asking.options_of(args)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(entries), initial=len(replies), unit="question") as bar:
        for start in range(len(replies), len(entries), args.batch_size):
            part = entries[start : start + args.batch_size]
            asked = [entry["question"] for entry in part]
            said = assistant.ask(asked, asking.style_of(args), **{**options, "seed": args.seed + start})
            lines = enumerate(zip(part, said, strict=True), start + 1)
            replies += [joined(number, entry, reply, told) for number, (entry, reply) in lines]
            write_replies(args.output, replies)
            bar.update(len(part))


def run(args: argparse.Namespace) -> int:
    if args.output.suffix not in ENDINGS:
        raise DataError(f"OUT should end in one of {', '.join(ENDINGS)}, not {args.output.name!r}")
    entries, replies, told = read_entries(args.input), read_replies(args.output), made_with(args)
    check_same(args.output, replies, entries, told)
    if len(replies) == len(entries):
        print(f"{args.output} already holds all {len(entries)} replies.")
        return 0
    try:
        answer_all(args, entries, replies, told)
    except KeyboardInterrupt:
        there = f"{len(read_replies(args.output))} of {len(entries)} replies are in {args.output}"
        print(f"\nInterrupted: {there}; the same command goes on.", file=sys.stderr)
        return 130
    formed = sum(reply["well_formed"] in (True, "True") for reply in replies)
    print(
        f"{len(replies)} replies in {args.output}, {formed} of them in the form that was asked for (which says nothing "
        "about being right)"
    )
    return 0
