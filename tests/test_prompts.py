"""One place builds prompts; what stands in them is what the tokenizer sees."""

from __future__ import annotations

import pytest

from course_lib.grading import grade
from course_lib.models import load_tokenizer
from course_lib.prompts import DOMAINS, PromptStyle, Tags, build_prompt, instruction, with_options, worked_examples
from course_lib.tasks import check_leakage, load_rows
from course_lib.tasks.toy_choice import generate

TOY = {"number": "toy_math", "choice": "toy_choice", "rubric": "toy_rubric"}


@pytest.mark.parametrize("kind", TOY)
def test_one_user_turn_with_instruction_and_question(kind):
    (message,) = build_prompt(" How many? ", kind=kind)
    assert message == {"role": "user", "content": f"{instruction(kind=kind)}\n\nHow many?"}


def test_options_are_listed_under_the_question():
    (message,) = build_prompt("Who?", kind="choice", options=["Ana", "Ben"])
    assert message["content"].endswith("Who?\nA) Ana\nB) Ben")
    assert with_options("Who?", None) == "Who?"


def test_variants_say_what_they_ask_for():
    think, plain = (instruction(kind="choice", style=PromptStyle(variant)) for variant in ("think", "plain"))
    assert "<reasoning>" in think and "<reasoning>" not in plain
    assert "<answer>" in think and plain.startswith("Write the right option")


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_stands_in_front(domain):
    text = instruction(style=PromptStyle(domain=domain))
    assert text == f"{DOMAINS[domain]} {instruction()}"


@pytest.mark.parametrize("kind", TOY)
@pytest.mark.parametrize("variant", ["think", "plain"])
@pytest.mark.parametrize("shots", [0, 2, 6])
def test_worked_examples_are_turns_that_the_grader_finds_right(kind, variant, shots):
    messages = build_prompt("Who?", kind=kind, style=PromptStyle(variant, shots))
    assert [m["role"] for m in messages] == ["user", "assistant"] * shots + ["user"]
    for row, said in zip(worked_examples(kind, shots), messages[1::2], strict=True):
        found = grade(said, row["answer"], TOY[kind], row.get("options"))
        assert found.correct and found.well_formed == (variant == "think")


@pytest.mark.parametrize("kind", TOY)
def test_worked_examples_are_no_test_questions(kind):
    examples = worked_examples(kind, 6)
    assert check_leakage(examples, load_rows(TOY[kind], "test", 512)) == 512


def test_worked_examples_share_the_tokenizer_s_turns():
    tokenizer = load_tokenizer("tiny")
    messages = build_prompt("Who?", kind="choice", options=["Ana", "Ben"], style=PromptStyle(shots=2))
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text.count("<start_of_turn>user\n") == 3 and text.count("<start_of_turn>model\n") == 3
    assert text.count("<bos>") == 1 and text.endswith("<start_of_turn>model\n")


def test_tags_are_a_setting():
    tags = Tags("thought", "result")
    text = build_prompt("Who?", tags, style=PromptStyle(shots=2))
    assert "<thought>" in text[0]["content"] and "<result>" in text[1]["content"]
    assert not any("<answer>" in message["content"] for message in text)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"variant": "shout"}, "think, plain"), ({"shots": 3}, "0, 2, 6"), ({"domain": "magic"}, "medical")],
)
def test_an_unknown_style_is_refused_with_the_choices(wrong, named):
    with pytest.raises(ValueError, match=named):
        PromptStyle(**wrong)


def test_the_gold_is_never_in_the_prompt():
    for row in generate("train", 50, 0):
        (message,) = build_prompt(row["question"], kind="choice", options=row["options"])
        assert row["worked"] not in message["content"] and f"<answer>{row['reference']}" not in message["content"]
