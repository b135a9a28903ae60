"""The command line: ``python -m course_lib COMMAND``.

A command is a module of this package with ``add_arguments(parser)`` and ``run(args)``, which returns the exit
code. It is imported when it is called, so that help is quick. A bad setting or file is one line on stderr and exit
code 2.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from course_lib.devices import pick_device
from course_lib.errors import CourseError, SettingError
from course_lib.validation import nearest

COMMANDS = {
    "ask": "put one question to the model",
    "batch": "put every question of a file to the model",
    "benchmark": "measure one model on held-out problems",
    "chat": "talk to the model in the terminal",
    "compare": "one model under several strategies, temperatures or prompts",
    "doctor": "check this machine: what will run, for how long, and what is missing",
    "evaluate": "base model against trained model, on the same held-out problems",
    "explain": "one step of GRPO on one question, number by number",
    "page": "a page in the browser to talk to the base model and the trained model",
    "presets": "list, print, compare and save presets",
    "report": "the final report of a run, as HTML and Markdown",
    "train": "train an adapter, or go on with an interrupted run",
}


class Parser(argparse.ArgumentParser):
    """Raises its errors, without a page of usage, and takes no abbreviations."""

    def __init__(self, **settings):
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> None:
        unknown = next((word for word in message.split() if word.startswith("--")), "").partition("=")[0]
        message += nearest(unknown, self._option_string_actions) if "unrecognized" in message else ""
        raise SettingError(f"{message} ({self.prog} --help lists what there is)")


def usage() -> str:
    lines = [f"  {name:10} {about}" for name, about in COMMANDS.items()]
    return "\n".join(["usage: python -m course_lib COMMAND [...]", "", *lines, "", "COMMAND --help says more."])


def failed(message: str) -> int:
    """One line on stderr, and the exit code."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, what the command returns, 2 for what cannot be used, 130 for Ctrl-C."""
    name, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a sign that the terminal cannot show is no reason to stop
    try:
        if name not in COMMANDS:
            raise SettingError(f"unknown command {name!r}; choose one of: {', '.join(COMMANDS)}")
        command = importlib.import_module(f"course_lib.cli.{name.replace('-', '_')}")
        about = COMMANDS[name]
        parser = Parser(prog=f"python -m course_lib {name}", description=f"{about[0].upper()}{about[1:]}.")
        command.add_arguments(parser)
        args = parser.parse_args(rest)
        if device := getattr(args, "device", ""):
            pick_device(device)  # refuses one that is not there
            os.environ["COURSE_DEVICE"] = device  # for all that picks a device after this
        return command.run(args)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (CourseError, OSError) as error:
        return failed(str(error))
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] == "course_lib":
            raise  # a slip in the course itself
        again = f"run `make setup`, then .venv/bin/python -m course_lib {name}"
        return failed(f"{error.name} is not installed for this Python ({sys.executable}): {again}")
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
