"""The one place where a question becomes a prompt, for training, evaluation, demos and export alike."""

from __future__ import annotations

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


def instruction(tags: Tags = DEFAULT_TAGS) -> str:
    """What stands in front of every question."""
    return (
        f"Think step by step between <{tags.reasoning}> and </{tags.reasoning}>. "
        f"Then write the final number between <{tags.answer}> and </{tags.answer}>."
    )


def build_prompt(question: str, tags: Tags = DEFAULT_TAGS) -> list[dict[str, str]]:
    """Messages for one question.

    Gemma has no system role (its template puts system text in front of the first user turn), so the
    instruction is written into the user turn, where every runtime keeps it.
    """
    return [{"role": "user", "content": f"{instruction(tags)}\n\n{question.strip()}"}]


def format_completion(reasoning: str, answer: str, tags: Tags = DEFAULT_TAGS) -> str:
    """A completion in the form that the instruction asks for."""
    return f"<{tags.reasoning}>\n{reasoning}\n</{tags.reasoning}>\n<{tags.answer}>{answer}</{tags.answer}>"
