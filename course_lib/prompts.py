"""The one place where a question becomes a prompt, for training, evaluation, demos and export alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tags:
    """Names of the two blocks that a completion is made of. A setting of the course, not a constant."""

    reasoning: str = "reasoning"
    answer: str = "answer"

    def __post_init__(self) -> None:
        for name in (self.reasoning, self.answer):
            if not name.isidentifier() or not name.isascii():
                raise ValueError(f"a tag name is a plain word such as 'reasoning', not {name!r}")
        if self.reasoning == self.answer:
            raise ValueError("the reasoning tag and the answer tag need different names")


DEFAULT_TAGS = Tags()
EOS_IDS = (1, 106)  # <eos> and <end_of_turn>, in Gemma 3's vocabulary and in the tiny model's
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

VARIANTS = ("think", "plain")
SHOTS = (0, 2, 6)
DOMAINS = {
    "medical": "The question comes from medicine. Say what is uncertain, and do not replace a doctor.",
    "legal": "The question comes from law. Name the rule that applies before you apply it.",
    "coding": "The question comes from programming. Check your result on a small case.",
    "finance": "The question comes from finance. Keep track of units, rates and periods.",
    "education": "The question comes from a pupil. Use short steps that a beginner can follow.",
}
WANTED = {"number": "the final number", "choice": "the right option", "rubric": "the final text"}
EXAMPLES_SEED = 6


@dataclass(frozen=True)
class PromptStyle:
    """How a question is put.

    ``variant``: ``think`` asks for reasoning first, ``plain`` for the answer alone. ``shots``: worked examples
    in front (0, 2 or 6). ``domain``: one of ``DOMAINS``, a sentence that sets the scene, or ``None``.
    """

    variant: str = "think"
    shots: int = 0
    domain: str | None = None

    def __post_init__(self) -> None:
        for value, known, name in (
            (self.variant, VARIANTS, "prompt variant"),
            (self.shots, SHOTS, "number of worked examples"),
            (self.domain, (None, *DOMAINS), "domain"),
        ):
            if value not in known:
                raise ValueError(f"unknown {name} {value!r}; choose one of: {', '.join(map(str, known))}")


DEFAULT_STYLE = PromptStyle()


def instruction(tags: Tags = DEFAULT_TAGS, kind: str = "number", style: PromptStyle = DEFAULT_STYLE) -> str:
    """What stands in front of every question. ``kind`` is ``number``, ``choice`` or ``rubric``."""
    write = f"rite {WANTED[kind]} between <{tags.answer}> and </{tags.answer}>."
    think = f"Think step by step between <{tags.reasoning}> and </{tags.reasoning}>. Then w"
    text = (think if style.variant == "think" else "W") + write
    return f"{DOMAINS[style.domain]} {text}" if style.domain else text


def with_options(question: str, options: Sequence[str] | None) -> str:
    """The question with its options below, one a line: ``A) first``."""
    listed = [f"{letter}) {option}" for letter, option in zip(LETTERS, options or (), strict=False)]
    return "\n".join([question.strip(), *listed])


def split_options(text: str) -> tuple[str, list[str]]:
    """What ``with_options`` put together: the question, and the options that are listed below it."""
    question, _, rest = f"\n{text}".rpartition(f"\n{LETTERS[0]}) ")
    options = []
    for letter in LETTERS[1:]:
        option, found, rest = rest.partition(f"\n{letter}) ")
        options.append(option)
        if not found:
            break
    return (question[1:], options) if question else (text, [])


def build_prompt(
    question: str,
    tags: Tags = DEFAULT_TAGS,
    *,
    kind: str = "number",
    options: Sequence[str] | None = None,
    style: PromptStyle = DEFAULT_STYLE,
) -> list[dict[str, str]]:
    """Messages for one question.

    Gemma has no system role (its template puts system text in front of the first user turn), so the
    instruction is written into the user turn, where every runtime keeps it. Worked examples are earlier turns.
    """
    told = instruction(tags, kind, style)

    def ask(text: str, choices: Sequence[str] | None) -> dict[str, str]:
        return {"role": "user", "content": f"{told}\n\n{with_options(text, choices)}"}

    messages = []
    for row in worked_examples(kind, style.shots):
        final = row.get("reference", row["answer"])
        shown = format_completion(row["worked"], final, tags)
        if style.variant == "plain":
            shown = f"<{tags.answer}>{final}</{tags.answer}>"
        messages += [ask(row["question"], row.get("options")), {"role": "assistant", "content": shown}]
    return [*messages, ask(question, options)]


def worked_examples(kind: str, n: int) -> list[dict]:
    """``n`` worked examples: rows of the toy task of that kind, from its train split."""
    from course_lib.tasks import toy_choice, toy_math, toy_rubric  # here, since tasks build prompts

    task = {"number": toy_math, "choice": toy_choice, "rubric": toy_rubric}[kind]
    return task.generate("train", n, EXAMPLES_SEED)


def format_completion(reasoning: str, answer: str, tags: Tags = DEFAULT_TAGS) -> str:
    """A completion in the form that the instruction asks for."""
    return f"<{tags.reasoning}>\n{reasoning}\n</{tags.reasoning}>\n<{tags.answer}>{answer}</{tags.answer}>"
