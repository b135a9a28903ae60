"""Put one question to the model."""

from __future__ import annotations

import argparse
import json
import sys

from course_lib.cli import asking


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", help="the question, or - to read it from standard input")
    parser.add_argument("--json", action="store_true", help="print the reply as JSON")
    asking.add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    question = sys.stdin.read() if args.question == "-" else args.question
    assistant = asking.load(args)
    reply = assistant.ask([question], asking.style_of(args), **asking.options_of(args))[0]
    print(json.dumps(reply.to_dict(), ensure_ascii=False) if args.json else asking.show(reply))
    return 0
