"""Tasks: the generated problems are right, the splits share nothing, GSM8K is read whole."""

from __future__ import annotations

import json
import re

import pytest

from course_lib.artifacts import Run
from course_lib.errors import DataError, SettingError
from course_lib.grading import grade
from course_lib.presets import get_preset
from course_lib.prompts import format_completion
from course_lib.tasks import (
    check_leakage,
    gsm8k,
    load_rows,
    preset_rows,
    save_rows,
    saved_rows,
    toy_math,
)

needs_gsm8k = pytest.mark.skipif(
    not (gsm8k.local_folder() and gsm8k.local_folder().is_dir()),
    reason="the real GSM8K is not here: set COURSE_DATA to a folder that holds gsm8k/train.jsonl and test.jsonl",
)


@pytest.fixture(scope="module")
def splits():
    return {split: toy_math.generate(split, 3000, seed=1) for split in toy_math.SPLITS}


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
    import random

    start, steps = toy_math.draw_problem(random.Random(3))
    wordings = {toy_math.word(random.Random(i), start, steps) for i in range(50)}
    assert len(wordings) > 40
    assert {toy_math.read_signature(text) for text in wordings} == {toy_math.signature(start, steps)}


def test_every_phrase_is_used(splits):
    text = " ".join(row["question"] for row in splits["train"])
    phrases = [*toy_math.START, *toy_math.QUESTION_FIRST, *toy_math.QUESTION_LAST]
    phrases += [phrase for group in toy_math.PHRASES.values() for phrase in group]
    assert all(re.search(toy_math._pattern(phrase), text) for phrase in phrases)


def test_generation_depends_on_the_seed_alone():
    assert toy_math.generate("train", 20, 5) == toy_math.generate("train", 50, 5)[:20]
    assert toy_math.generate("train", 20, 5) != toy_math.generate("train", 20, 6)


def test_rows_have_the_columns_that_trl_and_the_grader_need():
    for row in load_rows("toy_math", "test", 5):
        assert {"prompt", "answer", "task", "question"} <= set(row)
        assert row["prompt"][0]["role"] == "user" and row["question"] in row["prompt"][0]["content"]


def test_leakage_is_found_in_other_words():
    train = load_rows("toy_math", "train", 20)
    assert check_leakage(train, load_rows("toy_math", "test", 20)) == 20
    shouted = {"question": train[3]["question"].upper() + " "}
    same_problem = {"question": "something else", "signature": train[3]["signature"]}
    for leak in (shouted, same_problem):
        with pytest.raises(DataError, match="test row 1"):
            check_leakage(train, [load_rows("toy_math", "test", 1)[0], leak])


def test_unknown_names_are_clear_errors():
    with pytest.raises(SettingError, match="toy_math, gsm8k"):
        load_rows("toy_maths", "train", 1)
    with pytest.raises(ValueError, match="train, validation, test"):
        toy_math.generate("dev", 1, 0)
    with pytest.raises(DataError, match="train, validation, test"):
        gsm8k.load("dev")


def test_rows_travel_from_chapter_3(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    run, settings = Run("smoke"), get_preset("smoke")
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


def test_gsm8k_reads_a_local_file(local_gsm8k):
    local_gsm8k(GOOD)
    assert gsm8k.load("test") == [{"question": "How many?", "answer": "1000", "worked": GOOD["answer"]}]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{not json", "row 2: not a line of JSON"),
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


def test_gsm8k_without_network_says_what_to_do(monkeypatch):
    import datasets

    def offline(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(DataError, match="set COURSE_DATA to a folder"):
        gsm8k.load("test")


@needs_gsm8k
def test_all_gold_answers_of_the_real_gsm8k_are_read():
    rows = [row for split in gsm8k.SPLITS for row in gsm8k.load(split)]
    assert len(rows) == 8792
    for row in rows:
        assert grade(format_completion(row["worked"], row["answer"]), row["answer"]).correct


@needs_gsm8k
def test_the_real_gsm8k_does_not_leak():
    assert check_leakage(gsm8k.load("train"), gsm8k.load("test")) == 1319
