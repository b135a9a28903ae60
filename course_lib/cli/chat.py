"""Talk to the model: one question a line, the reply as it is written.

Each question stands alone: the model was trained on single questions and remembers nothing. Ctrl-C stops a reply,
Ctrl-D or /quit ends the chat, /help lists the commands.
"""

from __future__ import annotations

import argparse
import sys

from course_lib.assistant import Assistant
from course_lib.cli import asking
from course_lib.errors import CourseError
from course_lib.prompts import DOMAINS, PromptStyle
from course_lib.strategies import STRATEGIES

COMMANDS = f"""/strategy NAME   one of: {", ".join(tuple(STRATEGIES))}
/domain NAME     one of: {", ".join(DOMAINS)}; /domain alone for none
/example         a question that the model knows the kind of
/quit            end the chat"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    asking.add_model_arguments(parser)


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
            except KeyboardInterrupt:
                print()
                return
            if line == "/quit":
                return
            if not line:
                continue
            try:
                self.command(line) if line.startswith("/") else self.answer(line)
            except CourseError as error:
                print(error)

    def command(self, line: str) -> None:
        from course_lib.rollouts import EXAMPLES

        name, _, value = line.partition(" ")
        value = value.strip()
        if name == "/strategy" and value in tuple(STRATEGIES):
            self.options["strategy"] = value
        elif name == "/domain" and value in ("", *DOMAINS):
            self.style = PromptStyle(shots=self.style.shots, domain=value or None)
        elif name == "/example":
            question = EXAMPLES[self.options["kind"]][0]["question"]
            print(question)
            self.answer(question)
        else:
            print(COMMANDS)

    def answer(self, question: str) -> None:
        """Print the reply piece by piece; Ctrl-C stops it."""
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
