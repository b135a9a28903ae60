"""Your own data: every kind from every format, clear errors, the commands that take a file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from course_lib.artifacts import Run
from course_lib.errors import DataError, SettingError
from course_lib.grading import grade
from course_lib.models import load_tokenizer
from course_lib.presets import get_preset
from course_lib.tasks import check_leakage, load_file, load_rows, preset_rows, save_rows, saved_rows
from course_lib.tasks.files import parse_columns
from course_lib.tasks.splits import SPLITS
from course_lib.training import training_data

ROOT = Path(__file__).parents[1]
NUMBERS = [{"question": f"What is {i} and {i}?", "answer": str(2 * i)} for i in range(100)]
CHOICES = [
    {"question": "Which barks?", "answer": "B", "a": "cat", "b": "dog", "c": "hen"},
    {"question": "Which lays eggs?", "answer": "hen", "a": "cat", "b": "dog", "c": "hen"},
]
RUBRICS = [{"question": "Greet Ana.", "rubric": '1. The answer includes the word "Ana". [Hard Rule]'}]


def write(path: Path, rows: list[dict]) -> Path:
    """The rows in the format that the file's name asks for, written by pandas."""
    table = pd.DataFrame(rows)
    {
        ".csv": lambda: table.to_csv(path, index=False),
        ".tsv": lambda: table.to_csv(path, index=False, sep="\t"),
        ".json": lambda: table.to_json(path, orient="records"),
        ".jsonl": lambda: table.to_json(path, orient="records", lines=True),
        ".parquet": lambda: table.to_parquet(path),
    }[path.suffix]()
    return path


# Kinds and columns


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_every_format_gives_the_same_rows(tmp_path, suffix):
    odd = {"question": 'What is "one,\ntwo", in all?\u2028', "answer": "1,000", "worked": "a; b\tc"}
    rows = load_file(write(tmp_path / f"data.{suffix}", [odd, {**NUMBERS[4], "worked": "4+4=8"}]))
    assert [{k: row[k] for k in ("question", "answer", "worked", "task")} for row in rows] == [
        {"question": odd["question"].strip(), "answer": "1,000", "worked": "a; b\tc", "task": "number"},
        {"question": "What is 4 and 4?", "answer": "8", "worked": "4+4=8", "task": "number"},
    ]


def test_a_line_separator_inside_a_text_ends_no_row(tmp_path, monkeypatch):
    """U+2028 is legal inside JSON; ``str.splitlines`` would cut there. Checked on the way in and on to chapter 5."""
    rows = [{"question": f"One\u2028and {i}?", "answer": 1} for i in range(50)]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    assert [row["question"] for row in load_file(path)] == [row["question"] for row in rows]
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    settings = get_preset("smoke", data=path)
    drawn = preset_rows(settings, seed=0)
    save_rows(Run(settings), settings, 0, drawn)
    assert saved_rows(Run(settings), settings, 0, "train") == drawn["train"]


def test_columns_of_other_names_and_number_types(tmp_path):
    path = write(tmp_path / "data.parquet", [{"Frage": "Wie viele?", "Lösung": 12}, {"Frage": "Und nun?", "Lösung": 7}])
    assert [row["answer"] for row in load_file(path, {"question": "Frage", "answer": "Lösung"})] == ["12", "7"]


def test_a_gold_after_four_hashes_is_read_as_in_gsm8k(tmp_path):
    path = write(tmp_path / "data.jsonl", [{"question": "How many?", "answer": "2*500=1000\n#### 1,000"}])
    (row,) = load_file(path)
    assert (row["answer"], row["worked"]) == ("1000", "2*500=1000\n#### 1,000")


def test_options_from_several_columns_a_list_or_a_text(tmp_path):
    listed = [{"question": r["question"], "answer": r["answer"], "options": [r["a"], r["b"], r["c"]]} for r in CHOICES]
    joined = [row | {"options": " | ".join(row["options"])} for row in listed]
    found = [
        load_file(write(tmp_path / "columns.csv", CHOICES), {"options": "a|b|c"}),
        load_file(write(tmp_path / "list.jsonl", listed)),
        load_file(write(tmp_path / "list.parquet", listed)),
        load_file(write(tmp_path / "text.csv", joined)),
        load_file(write(tmp_path / "odd.csv", [{**row, "x|y": row["options"]} for row in joined]), {"options": "x|y"}),
    ]
    assert all(rows == found[0] for rows in found)
    assert [(row["options"], row["answer"], row["task"]) for row in found[0]] == [
        (["cat", "dog", "hen"], "B", "choice"),
        (["cat", "dog", "hen"], "C", "choice"),  # given as the option's text
    ]


def test_numbers_among_the_options_and_empty_cells_of_optional_columns(tmp_path):
    rows = [
        {"question": "2+2?", "answer": "4", "options": [3, 4], "worked": "", "passage": None},
        {"question": "2+3?", "answer": 5, "options": [5, 6], "worked": "2+3=5", "passage": "Sums."},
    ]
    first, second = load_file(write(tmp_path / "data.jsonl", rows))
    assert (first["options"], first["answer"], second["answer"]) == (["3", "4"], "B", "A")
    assert not {"worked", "passage", "group"} & set(first) and second["worked"] == "2+3=5" and second["group"]


def test_the_kind_follows_from_the_columns_or_is_given(tmp_path):
    both = [{**row, "options": "8|9", "rubric": RUBRICS[0]["rubric"]} for row in NUMBERS[4:5]]
    path = write(tmp_path / "data.csv", both)
    assert [load_file(path, task=task)[0]["task"] for task in ("", "number")] == ["rubric", "number"]
    choice = load_file(path, task="choice")[0]
    assert (choice["answer"], choice["options"]) == ("A", ["8", "9"])
    path = write(tmp_path / "rubric.csv", [{"question": "?", "answer": RUBRICS[0]["rubric"]}])
    assert load_file(path, task="rubric")[0]["answer"] == RUBRICS[0]["rubric"]


def test_rows_are_cut_into_splits_that_stay(tmp_path):
    """By the question alone: not by the row's place, its answer or the seed."""
    path = write(tmp_path / "data.csv", NUMBERS)
    rows = {split: load_rows("number", split, path=path, seed=1) for split in SPLITS}
    assert sum(map(len, rows.values())) == 100 and len(rows["train"]) > 60 and all(rows.values())
    assert check_leakage(rows["train"] + rows["validation"], rows["test"]) == len(rows["test"])
    turned = write(tmp_path / "turned.csv", [row | {"answer": "1"} for row in NUMBERS[::-1]])
    again = {split: load_rows("number", split, path=turned, seed=2) for split in SPLITS}
    for split in SPLITS:
        assert {row["question"] for row in rows[split]} == {row["question"] for row in again[split]}
    assert rows["train"][0]["prompt"][0]["content"].endswith(rows["train"][0]["question"])


def test_questions_to_one_passage_stay_together(tmp_path):
    rows = [
        {"question": f"Question {i}?", "answer": "1", "passage": f"Passage {p}.", "chapter": f"{p % 50}"}
        for p in range(100)
        for i in range(3)
    ]
    path = write(tmp_path / "data.csv", rows)
    for columns, key in (({}, "passage"), ({"group": "chapter"}, "group")):
        parts = {split: load_rows("number", split, path=path, columns=columns) for split in SPLITS}
        values = [{row[key] for row in part} for part in parts.values()]
        assert all(values) and sum(map(len, values)) == len(set.union(*values))
        assert all("\n\nQuestion" in row["prompt"][0]["content"] for row in parts["test"])


# Errors


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([NUMBERS[0], {"question": "?", "answer": ""}], {}, "row 3: nothing in the column 'answer'"),
        ([NUMBERS[0], {"question": " ", "answer": "1"}], {}, "row 3: nothing in the column 'question'"),
        ([NUMBERS[0], {"question": "?", "answer": "many"}], {}, "row 3: the gold answer 'many' is not a number"),
        ([{"question": "?", "answer": "#### many"}], {}, "row 2: the gold answer 'many' is not a number"),
        ([CHOICES[0] | {"answer": "D"}], {"options": "a|b|c"}, "row 2: the gold answer 'D' is not one of the letters"),
        ([CHOICES[0] | {"answer": "cow"}], {"options": "a|b|c"}, "row 2: the gold answer 'cow' is not one of"),
        ([CHOICES[0] | {"answer": "AB"}], {"options": "a|b|c"}, "row 2: the gold answer 'AB' is not one of"),
        ([CHOICES[0] | {"a": ""}], {"options": "a|b|c"}, "row 2: nothing in the column 'a'"),
        ([CHOICES[0] | {"a": "Dog."}], {"options": "a|b|c"}, "row 2: two options are the same"),
        ([CHOICES[0]], {"options": "a"}, "row 2: 1 option, a choice needs two or more"),
        ([{"question": "?", "answer": "A", "options": "B|A"}], {}, "'A' is a letter and also the text of another"),
        ([RUBRICS[0] | {"rubric": "1. Be kind."}], {}, "row 2: the criterion '1. Be kind.' needs one label"),
        ([NUMBERS[0]], {"answer": "gold"}, "has no column 'gold' (for answer); it has: question, answer"),
        ([CHOICES[0]], {"options": "a|x"}, "has no column 'x' (for options); it has: question, answer, a, b, c"),
        ([{"q": "?", "answer": "1"}], {}, "has no column 'question'; say which it is: question=... of q, answer"),
        ([{"question": "?", "options": "a|b"}], {}, "has no column 'answer'; say which it is: answer=..."),
    ],
)
def test_a_bad_row_or_column_is_named(tmp_path, rows, columns, message):
    with pytest.raises(DataError, match="^mine.csv.*" + re.escape(message)):
        load_file(write(tmp_path / "mine.csv", rows), columns)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"question,answer\n", "a.csv is empty"),
        ("a.jsonl", b"\n\n", "a.jsonl is empty"),
        ("a.json", b"[]", "a.json is empty"),
        ("a.csv", b"question,answer\nq,1\nq,1,2\n", "a.csv, row 3: 3 field.s., but the header has 2; .*double quotes"),
        ("a.csv", b"question,answer\nq\n", "a.csv, row 2: 1 field.s., but the header has 2"),
        ("a.csv", b"question,question\nq,1\n", "a.csv, row 1: two columns have the same name"),
        ("a.csv", b'question,answer\nq,1\n"open,1\n', "a.csv, after row 2: not CSV"),
        ("a.csv", "question,answer\nq,1\ngroß,1\n".encode("latin-1"), "a.csv, row 3: not UTF-8 .byte 0xdf.; save it"),
        ("a.jsonl", b'{"question": "q", "answer": 1}\n{"question": "q"', "a.jsonl, row 2: not JSON"),
        ("a.jsonl", b'{"question": "q", "answer": 1}\n[1]\n', "a.jsonl, row 2: not an object with named fields"),
        ("a.json", b'[{"question": "q"}', "a.json: not JSON"),
        ("a.json", b"[" * 100_000, "a.json: not JSON"),
        ("a.jsonl", b'{"question": "q", "answer": null}\n', "a.jsonl, row 1: nothing in the column 'answer'"),
        ("a.jsonl", b'{"question": "q", "answer": NaN}\n', "a.jsonl, row 1: the gold answer 'nan' is not a number"),
        ("a.jsonl", b'{"question": "q", "answer": 1}\n{"question": "q"}\n', "row 2: nothing in the column 'answer'"),
        ("a.parquet", b"PAR1 not really", "a.parquet cannot be read as Parquet"),
    ],
)
def test_a_damaged_file_is_a_clear_error(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message):
        load_file(tmp_path / name)


def test_a_missing_file_and_a_folder_are_clear_errors(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match="is missing, or is not a file"):
            load_file(path)


def test_settings_that_cannot_work_are_refused(tmp_path):
    path = write(tmp_path / "data.csv", NUMBERS)
    with pytest.raises(SettingError, match="unknown column name 'gold'; the course knows: question, answer"):
        load_file(path, {"gold": "answer"})
    with pytest.raises(SettingError, match="one of the tasks number, choice, rubric, not 'race'"):
        load_file(path, task="race")
    assert parse_columns(" question = Frage , options=a|b ") == {"question": "Frage", "options": "a|b"}
    assert parse_columns("") == {}
    for wrong in ("question", "question=", "=Frage", "question=Frage,answer"):
        with pytest.raises(SettingError, match="question=...,answer=..., not"):
            parse_columns(wrong)


def test_a_byte_order_mark_and_semicolons_are_no_trouble(tmp_path):
    (tmp_path / "excel.csv").write_bytes("question;answer\r\nHow many, in all?;1,500\r\n".encode("utf-8-sig"))
    (row,) = load_file(tmp_path / "excel.csv")
    assert (row["question"], row["answer"]) == ("How many, in all?", "1,500")


# The preset and the commands


def test_a_preset_on_a_file_of_your_own(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "data.csv", [row | {"a": row["answer"], "b": "none"} for row in NUMBERS[:40]])
    settings = get_preset("smoke", data=path, columns="options=a|b", steps=20)
    assert (settings.name, settings.task, settings.kind) == ("smoke-choice", "choice", "choice")
    json.dumps(settings.to_dict())
    rows = preset_rows(settings, seed=3)
    told = capsys.readouterr().out
    assert re.search(r"choice has \d+ training rows that fit: they come round again, to make 80", told)
    assert len(rows["train"]) == 80 > len({row["question"] for row in rows["train"]}) > 20
    assert len(training_data(settings, load_tokenizer("tiny"), rows["train"])) == 80
    assert check_leakage(rows["train"], rows["test"]) == len(rows["test"]) > 0
    for row in rows["test"]:
        assert grade(f"<answer>{row['answer']}</answer>", row["answer"], row["task"], row["options"]).correct
    assert preset_rows(settings, seed=3) == rows
    assert preset_rows(settings, seed=4)["test"] == rows["test"]

    monkeypatch.setenv("COURSE_FILE", str(path))
    monkeypatch.setenv("COURSE_COLUMNS", "options=a|b")
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    for name in ("auto", "smoke-choice"):  # what a chapter calls it, alone and in a whole run
        assert get_preset(name, steps=20) == get_preset("smoke", data=str(path), columns="options=a|b", steps=20)
    assert get_preset("smoke").task == "toy_math" and get_preset("auto", task="gsm8k").data == ""


def test_a_question_that_is_too_long_is_left_out(tmp_path):
    rows = [{"question": f"{i}? " * (300 if i % 2 else 1), "answer": "1"} for i in range(40)]
    path = write(tmp_path / "data.csv", rows)
    rows = preset_rows(get_preset("smoke", data=path, steps=1), seed=0)
    assert {len(row["question"].split()) for row in rows["train"] + rows["test"]} == {1}


def test_files_and_tasks_that_do_not_go_together_are_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_FILE", raising=False)
    path = write(tmp_path / "data.csv", NUMBERS)
    for wrong in ({"task": "number"}, {"columns": "question=q"}):
        with pytest.raises(SettingError, match="file of your own"):
            get_preset("smoke", **wrong)
    with pytest.raises(SettingError, match="not 'gsm8k'"):
        get_preset("smoke", task="gsm8k", data=path)
    with pytest.raises(DataError, match="no column 'x'"):
        get_preset("smoke", data=path, columns="answer=x")


def call(*command: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, env=os.environ | env, check=False
    )


def test_the_command_looks_at_a_file(tmp_path):
    path = write(tmp_path / "data.csv", NUMBERS)
    done = call("-m", "course_lib.tasks", "--data", str(path))
    assert done.returncode == 0, done.stderr
    assert re.search(r"task:   number \(number\)\nrows:   train \d\d, validation \d+, test \d+\n", done.stdout)
    assert "no problem stands in two of them" in done.stdout and "What is " in done.stdout
    assert re.search(r"prompt: \d+ to \d+ words", done.stdout) and re.search(r"\ngold:   \d+\n", done.stdout)


def test_the_command_lists_the_tasks():
    done = call("-m", "course_lib.tasks")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 9
    assert "race_high    choice" in done.stdout and "Hub OpenRubrics/OpenRubrics" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "none.csv"), "none.csv is missing"),
        (("--data", "README.md", "--columns", "question"), "columns are given as question=...,answer=..."),
        (("--task", "choice"), "the task 'choice' is for a file of your own"),
        (("--task", "toy_maths"), "unknown task 'toy_maths'; choose one of: toy_math"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, message):
    done = call("-m", "course_lib.tasks", *arguments)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_a_whole_run_is_refused_before_it_starts(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"question": "?", "answer": "many"}) + "\n")
    for arguments, message in (
        (("--data", str(path)), "data.jsonl, row 1: the gold answer 'many' is not a number"),
        (("--columns", "question=q"), "no file of your own"),
        (("--task", "toy_maths"), "unknown task 'toy_maths'"),
    ):
        done = call("tools/run_course.py", "--preset", "smoke", *arguments, COURSE_RUNS=str(tmp_path / "runs"))
        assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()
