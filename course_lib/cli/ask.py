"""Put one question to the model."""

from __future__ import annotations

import argparse
import json
import sys

from course_lib.assistant import check_question
from course_lib.cli import asking
from course_lib.errors import DataError, SettingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = f"{parser.description} {asking.KNOWS}"
    parser.add_argument("question", help="the question, in quotes; or - to read it from standard input")
    parser.add_argument("more", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print the reply as JSON")
    asking.add_asking_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.more:
        raise SettingError(f'put the question in quotes: ask "{" ".join([args.question, *args.more])}"')
    try:
        question = check_question(sys.stdin.read() if args.question == "-" else args.question)
    except UnicodeDecodeError as error:
        raise DataError("the question is not UTF-8") from error
    reply = asking.load(args).ask([question], asking.style_of(args), **asking.options_of(args))[0]
    print(json.dumps(reply.to_dict(), ensure_ascii=False) if args.json else asking.show(reply))
    return 0
