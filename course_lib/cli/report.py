"""``python -m course_lib report``: the final report of a run, as HTML or Markdown."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from course_lib.cli.options import output_file


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", default="laptop", help="a preset's name, or a run's folder (default: laptop)")
    parser.add_argument(
        "--output",
        type=output_file,
        metavar="FILE",
        help="ends in .html or .md: both are written, side by side (default: report.html in the run)",
    )
    parser.add_argument("--author", default="", help="whose report it is")
    parser.add_argument("--link", default="", help="where the work can be found")


def run(args: Namespace) -> int:
    from course_lib.artifacts import recorded_runs, runs_dir
    from course_lib.errors import CourseError, SettingError
    from course_lib.report import build_report

    if args.output and args.output.suffix not in (".html", ".md"):
        raise SettingError(f"--output should end in .html or .md, not {args.output.name!r}")
    folder = Path(args.run) if Path(args.run).is_dir() else runs_dir() / args.run
    if not folder.is_dir():
        recorded = "".join(f"; {place} is a recorded one" for place in recorded_runs("laptop")[:1])
        raise CourseError(f"no run in {folder}: `make run` makes one{recorded}")
    page = build_report(folder, (args.output or folder / "report.html").with_suffix(".html"), args.author, args.link)
    print(f"written: {page}, {page.with_suffix('.md')}, and its figures in {page.with_name(page.stem + '_figures')}")
    return 0
