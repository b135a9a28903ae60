"""``python -m course_lib report``: the final report of a run, as HTML or Markdown."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", default="laptop", help="a preset's name, or a run's folder (default: laptop)")
    parser.add_argument("--output", type=Path, metavar="FILE", help=".html or .md (default: report.html in the run)")
    parser.add_argument("--author", default="", help="whose report it is")
    parser.add_argument("--link", default="", help="where the work can be found")


def run(args: Namespace) -> int:
    from course_lib.artifacts import runs_dir
    from course_lib.report import build_report

    folder = Path(args.run) if Path(args.run).is_dir() else runs_dir() / args.run
    print(f"written: {build_report(folder, args.output or folder / 'report.html', args.author, args.link)}")
    return 0
