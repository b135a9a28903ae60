"""``python -m course_lib doctor``: exit code 1 if something stands in the way."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from course_lib.cli.options import add_preset


def add_arguments(parser: ArgumentParser) -> None:
    add_preset(parser, "auto", "what is to run: a preset or a config file")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")


def run(args: Namespace) -> int:
    from course_lib.preflight import as_text, preflight

    rows = preflight(args.preset)
    print(json.dumps([asdict(row) for row in rows], indent=1) if args.json else as_text(rows))
    return int(any(row.state == "fail" for row in rows))
