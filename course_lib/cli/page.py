"""A page in the browser to talk to the base model and the trained model, side by side."""

from __future__ import annotations

import argparse

from course_lib.cli.options import add_device, add_preset, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", default="trained", help="the second model (default: %(default)s)")
    add_preset(parser)
    add_device(parser)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 opens it to your network (default: %(default)s)")
    parser.add_argument("--port", type=whole(1, 65535), help="default: the first free one from 7860 on")


def run(args: argparse.Namespace) -> int:
    from course_lib.assistant import find_checkpoint
    from course_lib.page import open_page

    find_checkpoint(args.checkpoint, args.preset)  # before the first model is loaded
    open_page(args.preset, args.checkpoint, args.device, args.host, args.port)
    return 0
