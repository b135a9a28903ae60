"""Fuzz the grader with atheris: random completions, steered towards code that no input has reached yet.

`make fuzz` installs atheris and runs this for FUZZ_SECONDS. A completion that breaks the contract is printed,
and its bytes are kept in runs/fuzz; run it again with --input FILE. `make test` runs the same checks on
Hypothesis' completions (tests/test_fuzz_grading.py).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

FRAGMENTS = (
    "<reasoning>",
    "</reasoning>",
    "<answer>",
    "</answer>",
    "<",
    "\\boxed{",
    "}",
    "Final: A\n",
    "**Final answer:** ",
    "B",
    "B) ",
    "(",
    ")",
    "((((",
    "**",
    "the cows",
    "A cow",
    "- ",
    "1. ",
    "plums",
    "coins",
    "The items are in alphabetical order.",
    "17",
    "9",
    "0",
    "1,",
    "1/",
    "-",
    "$",
    " ",
    "\n",
    "\n\n",
    ".",
    ",",
    "?",
    "\u200b",
    "\u2028",
    "\ud800",
    "İ",
    "٣",
    "\0",
    "<eos>",
    "<end_of_turn>",
    "[",
    '{"a":',
    '"',
)
# Repeated to a megabyte, each of these has broken some grader, or might.
NASTY = (
    ["<", "<answer>", "</answer>", "<reasoning>", "Final: A\n", "1,", "\\boxed{", "9", " ", "\n", "\u200b", "(((("]
    + ["B) ", "- ", ".", "a, ", "a ", "**", "[", '{"a":', "<eos>", "€ ", "1. a\n", "final ", "\ud800"]
)  # fmt: skip
OPTIONS = ["the dogs", "the cows", "A cow", "(x)", "B"]
RUBRIC = """
1. The answer is a list of exactly 4 items. [Hard Rule]
2. The items are in alphabetical order. [Hard Rule]
3. The answer includes the word "plums". [Hard Rule]
4. The answer does not include "a" or "b". [Hard Rule] [Optional]
5. The answer starts with "a". [Hard Rule]
6. The answer ends with "the end". [Hard Rule]
7. The answer has between 3 and 20 words. [Hard Rule]
8. The answer has at most 2 sentences. [Hard Rule]
9. The answer has one paragraph. [Hard Rule]
10. The answer has at least 2 lines. [Hard Rule]
11. The answer has at most 99 characters. [Hard Rule]
12. The answer is valid JSON. [Hard Rule]
13. The answer is a numbered list. [Hard Rule]
14. The answer has no digits. [Hard Rule]
15. The answer is in lower case. [Hard Rule]
16. The answer includes the word "coins". [Pitfall]
17. An item is repeated. [Pitfall]
18. A word is repeated. [Pitfall]
19. A line is repeated. [Pitfall]
20. The answer is kind. [Principle]
"""
SEEDS = (
    "1/2",
    "-1,000.50 km/h",
    "$ 18.00",
    "B) the cows",
    "**(B)**",
    "They came.\nFinal: **B**",
    "apples, beads, plums, rings.",
    '[1, {"a": "b"}]',
    "1. plums\n2. the end",
)
GOLDS = (
    ("number", "17", None),
    ("choice", "B", OPTIONS),
    ("choice", "B", None),
    ("final_line", "B", OPTIONS),
    ("rubric", RUBRIC, None),
)


def check(completion: object, ended: bool = True) -> None:
    """The contract, for every kind of grading: no exception, a typed and finite grade, no reward for nothing."""
    from course_lib.grading import Grade, grade
    from course_lib.rubrics import grade_rubric

    for task, gold, options in GOLDS:
        found = grade(completion, gold, task=task, options=options, ended=ended)
        assert type(found) is Grade and type(found.well_formed) is bool and type(found.correct) is bool
        assert found.answer is None or type(found.answer) is str and found.answer.strip()
        assert not found.correct or found.answer is not None
        assert ended or not found.well_formed
        assert not found.well_formed or found.answer is not None
    for judge in (None, lambda answer, criterion: True):
        found = grade_rubric(completion, RUBRIC, judge=judge)
        assert len(found.criteria) == RUBRIC.count("[") - 1  # one line has two labels
        assert {criterion.verdict for criterion in found.criteria} <= {"met", "unmet", "undecided"}
        assert type(found.score) is float and 0.0 <= found.score <= 1.0


def completion_from(data: bytes) -> tuple[object, bool]:
    """A completion drawn from the fuzzer's bytes: the first says its form, each other one adds to the text.

    A byte stands for a fragment, for an ASCII character, or, with the two that follow, for any character of
    the first 65,536 (surrogates too).
    """
    form, rest = (data[0], iter(data[1:])) if data else (0, iter(b""))
    pieces = []
    for byte in rest:
        if byte < 128:
            pieces.append(chr(byte))
        elif byte - 128 < len(FRAGMENTS):
            pieces.append(FRAGMENTS[byte - 128])
        else:
            pieces.append(chr(256 * next(rest, 0) + next(rest, 0)))
    text = "".join(pieces)
    tagged = f"<reasoning>so</reasoning><answer>{text}</answer>"
    parts = [{"content": [{"type": "text", "text": text}, None]}]
    return (text, tagged, {"role": "assistant", "content": text}, parts)[form % 4], form < 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--input", type=Path, help="a kept input to run again")
    args = parser.parse_args()
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: run `make fuzz`, which installs it")
    with atheris.instrument_imports(include=["course_lib"]):
        import course_lib.grading  # noqa: F401

    def one_input(data: bytes) -> None:
        completion, ended = completion_from(data)
        try:
            check(completion, ended)
        except BaseException:
            print(f"\nThe contract is broken by this completion (ended={ended}):\n{ascii(completion)}\n", flush=True)
            raise

    if args.input:
        one_input(args.input.read_bytes())
        print("The contract holds for this input.")
        return
    kept = Path("runs/fuzz")
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for i, text in enumerate(SEEDS):
            for form in range(2):
                Path(corpus, f"{i}_{form}").write_bytes(bytes([form]) + text.encode("ascii"))
        options = f"-max_total_time={args.seconds} -seed={args.seed} -max_len=400 -timeout=20 -artifact_prefix={kept}/"
        atheris.Setup([sys.argv[0], *options.split(), corpus], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
