"""Tasks: the registry, the generated problems, the splits that share nothing, GSM8K read whole."""

from __future__ import annotations

import json
import random
import re

import pytest

from course_lib.artifacts import Run
from course_lib.errors import DataError, SettingError
from course_lib.grading import KINDS, grade
from course_lib.presets import get_preset
from course_lib.prompts import PromptStyle, format_completion
from course_lib.tasks import (
    TASKS,
    check_leakage,
    gsm8k,
    load_rows,
    preset_rows,
    save_rows,
    saved_rows,
    toy_choice,
    toy_math,
    toy_rubric,
)
from course_lib.tasks.splits import SPLITS, split_of

TOYS = {"toy_math": toy_math, "toy_choice": toy_choice, "toy_rubric": toy_rubric}
needs_gsm8k = pytest.mark.skipif(
    not (gsm8k.local_folder() and gsm8k.local_folder().is_dir()),
    reason="the real GSM8K is not here: set COURSE_DATA to a folder that holds gsm8k/train.jsonl and test.jsonl",
)


@pytest.fixture(scope="module")
def splits():
    return {split: toy_math.generate(split, 3000, seed=1) for split in SPLITS}


def test_toy_math_answers_are_right(splits):
    """Worked out again from the signature alone, with Python's own arithmetic."""
    for row in splits["train"]:
        value, *steps = row["signature"].split()
        value = int(value)
        for step in steps:
            n = int(step[1:])
            if step[0] == "/":
                assert value % n == 0
            value = {"+": value + n, "-": value - n, "*": value * n, "/": value // n}[step[0]]
            assert 1 <= value <= 99
        assert str(value) == row["answer"]
        assert 3 <= len(steps) == row["steps"] <= 5
        assert row["worked"].endswith(f"={row['answer']}")


def test_toy_math_splits_share_no_underlying_problem(splits):
    """Proven from the wording: the signature is read back from the question, not taken from the generator."""
    read = {split: {toy_math.read_signature(row["question"]) for row in rows} for split, rows in splits.items()}
    assert all(len(signatures) == 3000 for signatures in read.values())
    assert not read["train"] & read["test"]
    assert not read["train"] & read["validation"]
    assert not read["validation"] & read["test"]
    for split, rows in splits.items():
        assert all(toy_math.read_signature(row["question"]) == row["signature"] for row in rows)
        assert all(toy_math.split_of(s) == split for s in read[split])


def test_the_same_problem_in_other_words_stays_in_its_split():
    start, steps = toy_math.draw_problem(random.Random(3))
    wordings = {toy_math.word(random.Random(i), start, steps) for i in range(50)}
    assert len(wordings) > 40
    assert {toy_math.read_signature(text) for text in wordings} == {toy_math.signature(start, steps)}


def test_every_phrase_is_used(splits):
    text = " ".join(row["question"] for row in splits["train"])
    phrases = [*toy_math.START, *toy_math.QUESTION_FIRST, *toy_math.QUESTION_LAST]
    phrases += [phrase for group in toy_math.PHRASES.values() for phrase in group]
    assert all(re.search(toy_math._pattern(phrase), text) for phrase in phrases)


@pytest.mark.parametrize("name", TOYS)
def test_generation_depends_on_the_seed_alone(name):
    generate = TOYS[name].generate
    assert generate("train", 20, 5) == generate("train", 50, 5)[:20]
    assert generate("train", 20, 5) != generate("train", 20, 6)


def signature_in_words(name: str, question: str) -> str:
    """The underlying problem, read back from its wording."""
    if name != "toy_rubric":
        return TOYS[name].read_signature(question)
    parts = {"n": [re.search(r"\d+", question).group()], "+": [], "-": []}
    for sentence in re.findall(r"[^.]+\.", question):
        sign = "-" if re.search(r"\b(not|no)\b", sentence) else "+"
        parts[sign] += [sign + word for word in re.findall("[a-z]+", sentence) if word in toy_rubric.ITEMS]
    parts["sorted"] = ["sorted"] * ("alphabetical" in question or "a to z" in question)
    parts["stop"] = ["stop"] * ("full stop" in question)
    return " ".join(word for found in parts.values() for word in sorted(found))


@pytest.mark.parametrize("name", TOYS)
def test_the_splits_of_a_toy_task_share_no_problem(name):
    """Proven from the wording: what is compared is read back from the question."""
    rows = {split: TOYS[name].generate(split, 1000, seed=3) for split in SPLITS}
    read = {split: {signature_in_words(name, row["question"]) for row in part} for split, part in rows.items()}
    assert all(len(signatures) == 1000 for signatures in read.values())
    assert all(split_of(signature) == split for split, signatures in read.items() for signature in signatures)
    assert check_leakage(rows["train"] + rows["validation"], rows["test"]) == 1000
    assert check_leakage(rows["train"], rows["validation"]) == 1000


def test_constant_guessing_scores_exactly_chance():
    """One letter for every question: right once among the four rotations, and once in every four rows."""
    rows = toy_choice.generate("test", 400, seed=2)
    for letter in "ABCD":
        said = format_completion("a guess", letter)
        right = [grade(said, row["answer"], "toy_choice", row["options"]).correct for row in rows]
        assert all(sum(right[i : i + 4]) == 1 for i in range(0, 400, 4))
        for row in rows[:50]:
            turned = toy_choice.rotations(row)
            assert sum(grade(said, r["answer"], "toy_choice", r["options"]).correct for r in turned) == 1
            assert len({r["options"]["ABCD".index(r["answer"])] for r in turned}) == 1  # always the same name


def test_toy_choice_answers_are_right():
    """The passage is acted out with everything in people's hands; the generator follows the one thing alone."""
    for row in toy_choice.generate("train", 300, seed=4):
        hands: dict[str, set[str]] = {name: set() for name in row["options"]}
        assert len(hands) == 4
        for sentence in re.findall(r"[^.?]+[.?]", row["question"]):
            people = [word for word in re.findall(r"[A-Z][a-z]+", sentence) if word in toy_choice.NAMES]
            (thing,) = [word for word in re.findall(r"[a-z]+", sentence) if word in toy_choice.THINGS] or [None]
            if sentence.endswith("?"):
                (holder,) = (name for name, held in hands.items() if thing in held)
            elif len(people) == 1:
                hands[people[0]].add(thing)
            elif thing is None:
                hands[people[0]], hands[people[1]] = hands[people[1]], hands[people[0]]
            else:  # where a thing comes up for the first time, its giver had it all along
                if not any(thing in held for held in hands.values()):
                    hands[people[0]].add(thing)
                hands[people[0]].remove(thing)
                hands[people[1]].add(thing)
        assert row["options"]["ABCD".index(row["answer"])] == holder


def test_toy_rubrics_are_met_by_their_reference():
    for row in toy_rubric.generate("train", 200, seed=4):
        done = format_completion(row["worked"], row["reference"])
        assert grade(done, row["answer"], "toy_rubric").correct
        assert not grade(format_completion(row["worked"], "nothing"), row["answer"], "toy_rubric").correct


def test_every_task_is_graded_as_its_kind_says():
    assert {name: task.kind for name, task in TASKS.items()} == {name: KINDS[name] for name in TASKS}
    assert all(task.about and task.source for task in TASKS.values())
    assert {name for name, task in TASKS.items() if not task.hub} == set(TOYS)


@pytest.mark.parametrize("name", TOYS)
def test_rows_have_the_columns_that_trl_and_the_grader_need(name):
    for row in load_rows(name, "test", 5):
        assert {"prompt", "answer", "task", "question", "signature"} <= set(row)
        asked = row["prompt"][-1]["content"]
        assert row["prompt"][-1]["role"] == "user" and row["question"] in asked
        assert all(
            f"{letter}) {option}" in asked for letter, option in zip("ABCD", row.get("options", ()), strict=False)
        )
        grade("", row["answer"], row["task"], row.get("options"))  # a gold that cannot be used raises


def test_the_style_reaches_the_prompt():
    plain, shown = (load_rows("toy_choice", "test", 1, style=PromptStyle(shots=n))[0] for n in (0, 2))
    assert len(plain["prompt"]) == 1 and len(shown["prompt"]) == 5
    assert plain["prompt"][0] == shown["prompt"][-1]


def test_leakage_is_found_in_other_words():
    train = load_rows("toy_math", "train", 20)
    assert check_leakage(train, load_rows("toy_math", "test", 20)) == 20
    shouted = {"question": train[3]["question"].upper() + " "}
    same_problem = {"question": "something else", "signature": train[3]["signature"]}
    for leak in (shouted, same_problem):
        with pytest.raises(DataError, match="test row 1"):
            check_leakage(train, [load_rows("toy_math", "test", 1)[0], leak])


def test_leakage_is_found_by_group_and_passage():
    title = "What is the best title?"
    train = [{"question": title, "passage": "Geese fly south.", "group": "1"}]
    assert check_leakage(train, [{"question": title, "passage": "Bees dance.", "group": "2"}]) == 1
    for leak, shared in (({"passage": "GEESE  fly south", "group": "2"}, "passage"), ({"group": "1"}, "group")):
        with pytest.raises(DataError, match=f"test row 0 .*the same {shared}.*{re.escape(title)}"):
            check_leakage(train, [{"question": title, "passage": "Bees dance."} | leak])


def test_unknown_names_are_clear_errors():
    with pytest.raises(SettingError, match="toy_math, toy_choice, .* openrubrics, number, choice, rubric"):
        load_rows("toy_maths", "train", 1)
    for name in ("toy_math", "gsm8k"):
        with pytest.raises(SettingError, match="unknown split 'dev'.*train, validation, test"):
            load_rows(name, "dev", 1)
    with pytest.raises(SettingError, match="toy_math is generated.*how many"):
        load_rows("toy_math", "train")
    with pytest.raises(SettingError, match="a file of your own: say where"):
        load_rows("choice", "train", 1)


def test_rows_travel_from_chapter_3(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    settings = get_preset("smoke")
    run = Run(settings)
    rows = preset_rows(settings, seed=4)
    assert saved_rows(run, settings, 4, "test") == rows["test"]
    assert "drawing the test problems anew" in capsys.readouterr().out
    save_rows(run, settings, 4, rows)
    assert saved_rows(run, settings, 4, "train") == rows["train"]
    assert capsys.readouterr().out == ""
    assert saved_rows(run, settings, 5, "train") != rows["train"]  # other settings: drawn anew


@pytest.fixture
def local_gsm8k(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "gsm8k").mkdir()

    def write(*rows: dict | str):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / "gsm8k/test.jsonl").write_text("\n".join(lines) + "\n")

    return write


GOOD = {"question": "How many?", "answer": "2*500=<<2*500=1000>>1000\n#### 1,000"}


def test_gsm8k_reads_a_local_file(local_gsm8k, tmp_path, monkeypatch):
    local_gsm8k(GOOD)
    expected = [{"question": "How many?", "answer": "1000", "worked": GOOD["answer"]}]
    assert gsm8k.load("test") == expected
    local_gsm8k(GOOD | {"answer": "first I thought #### 7, but\n#### 8"})
    assert gsm8k.load("test")[0]["answer"] == "8"
    local_gsm8k(GOOD)
    monkeypatch.delenv("COURSE_DATA")
    assert gsm8k.load("test", tmp_path / "gsm8k") == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{not json", "row 2: not JSON"),
        ({"answer": "#### 3"}, "row 2: no text in the field 'question'"),
        ({"question": "How many?", "answer": "3"}, "row 2: the answer has no '####'"),
        ({"question": "How many?"}, "row 2: the answer has no '####'"),
        ({"question": "How many?", "answer": "#### three"}, "row 2: the gold answer 'three'"),
    ],
)
def test_a_bad_row_is_named(local_gsm8k, row, message):
    local_gsm8k(GOOD, row)
    with pytest.raises(DataError, match=re.escape("test.jsonl, " + message)):
        gsm8k.load("test")


def test_missing_files_and_too_few_rows_are_clear_errors(local_gsm8k):
    local_gsm8k(GOOD)
    with pytest.raises(DataError, match="train.jsonl is missing"):
        gsm8k.load("train")
    with pytest.raises(DataError, match="has 1 rows, 2 were asked for"):
        load_rows("gsm8k", "test", 2)


def test_gsm8k_without_network_says_what_to_do(monkeypatch, tmp_path, offline):
    for base in (None, tmp_path):  # a COURSE_DATA without a folder gsm8k sends to the Hub too
        monkeypatch.setenv("COURSE_DATA", str(base)) if base else monkeypatch.delenv("COURSE_DATA", raising=False)
        with pytest.raises(DataError, match="openai/gsm8k could not be loaded.*set COURSE_DATA to a folder"):
            gsm8k.load("test")


@needs_gsm8k
def test_all_gold_answers_of_the_real_gsm8k_are_read():
    rows = [row for split in SPLITS for row in gsm8k.load(split)]
    assert len(rows) == 8792
    for row in rows:
        assert grade(format_completion(row["worked"], row["answer"]), row["answer"]).correct


@needs_gsm8k
def test_the_real_gsm8k_does_not_leak():
    rows = {split: gsm8k.load(split) for split in SPLITS}
    assert check_leakage(rows["train"], rows["validation"] + rows["test"]) == 473 + 1319
    assert check_leakage(rows["validation"], rows["test"]) == 1319
