"""Talk to the model: one question a line, the reply as it is written.

Each question stands alone: the model was trained on single questions and remembers nothing. Ctrl-C stops a reply
or clears the line, Ctrl-D or /quit ends the chat, /help lists the commands.
"""

from __future__ import annotations

import argparse
import sys

from course_lib.assistant import Assistant, check_question
from course_lib.cli import asking
from course_lib.errors import CourseError, DataError
from course_lib.prompts import DOMAINS, PromptStyle
from course_lib.strategies import STRATEGIES

HELP = f"""/strategy NAME   one of: {", ".join(STRATEGIES)}
/domain NAME     one of: {", ".join(DOMAINS)}; /domain alone for none
/example         a question that the model knows the kind of
/help            this list
/quit or /exit   end the chat, as Ctrl-D does
Ctrl-C           stop a reply, or clear the line"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = f"{parser.description} {asking.KNOWS}"
    asking.add_asking_arguments(parser)


def run(args: argparse.Namespace) -> int:
    Chat(asking.load(args), asking.style_of(args), asking.options_of(args)).loop()
    return 0


class Chat:
    """The loop, and the settings that its commands change."""

    def __init__(self, assistant: Assistant, style: PromptStyle, options: dict):
        self.assistant, self.style, self.options, self.asked = assistant, style, options, 0

    def loop(self) -> None:
        """Read lines until the end of the input."""
        if sys.stdin.isatty():
            print("Ask a question; /help lists the commands.", file=sys.stderr)
        while True:
            try:
                line = input("> " if sys.stdin.isatty() else "").strip()
            except EOFError:
                return
            except UnicodeDecodeError as error:
                raise DataError("the questions are not UTF-8") from error
            except KeyboardInterrupt:
                if not sys.stdin.isatty():
                    raise
                print("\n(Ctrl-D or /quit ends the chat)")
                continue
            if line in ("/quit", "/exit"):
                return
            if not line:
                continue
            try:
                self.command(line) if line.startswith("/") else self.answer(line, echo=not sys.stdin.isatty())
            except CourseError as error:
                print(error)

    def command(self, line: str) -> None:
        from course_lib.rollouts import EXAMPLES

        name, _, value = line.partition(" ")
        value = value.strip()
        if name == "/strategy" and value in STRATEGIES:
            self.options["strategy"] = value
            print(f"strategy: {value}")
        elif name == "/domain" and value in ("", *DOMAINS):
            self.style = PromptStyle(shots=self.style.shots, domain=value or None)
            print(f"domain: {value or 'none'}")
        elif name in ("/strategy", "/domain"):
            known = STRATEGIES if name == "/strategy" else DOMAINS
            print(f"unknown {name[1:]} {value!r}; one of: {', '.join(known)}")
        elif name == "/example":
            self.answer(EXAMPLES[self.options["kind"]][0]["question"], echo=True)
        elif name == "/help":
            print(HELP)
        else:
            print(f"unknown command {name}; /help lists them")

    def answer(self, question: str, echo: bool = False) -> None:
        """Print the reply piece by piece, after the question where it was not typed; Ctrl-C stops it."""
        question = check_question(question)
        if echo:
            print(f"> {question}")
        shown, reply = "", None
        seed = self.options["seed"] + self.asked  # the same question twice may get another reply
        self.asked += 1
        pieces = self.assistant.stream(question, self.style, **{**self.options, "seed": seed})
        try:
            for reply in pieces:
                print(reply.text[len(shown) :], end="", flush=True)
                shown = reply.text
        except KeyboardInterrupt:
            print(" (stopped)")
            return
        finally:
            pieces.close()
        print()
        if reply is not None:
            print(asking.bold("Answer: ") + (reply.answer or "(no answer that can be read)"))
