"""OpenRubrics: read in its true schema, the winner's response kept apart, splits cut by instruction."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from course_lib.errors import DataError
from course_lib.rubrics import grade_rubric
from course_lib.tasks import check_leakage, load_rows, openrubrics
from course_lib.tasks.sources import read_file
from course_lib.tasks.splits import SPLITS

GOOD = {
    "instruction": "Name a river.",
    "response_a": "The Nile.",
    "response_b": "A mountain.",
    "winner": "A",
    "rubric": "1. The response names a river. [Hard Rule]",
}


def write(folder, rows):
    (folder / "openrubrics").mkdir(exist_ok=True)
    (folder / "openrubrics/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "openrubrics"


def load_all(path=None):
    return {row["question"]: row for split in SPLITS for row in openrubrics.load(split, path)}


def test_openrubrics_is_read_from_a_folder(made_data):
    lighthouse, sky = load_all().values()
    if lighthouse["question"].startswith("Explain"):
        lighthouse, sky = sky, lighthouse
    assert lighthouse["answer"].split("\n") == [
        "1. The response has exactly two sentences. [Hard Rule]",
        '2. The response does not use the word "light". [Hard Rule]',
        "3. The response evokes the place with few words. [Principle]",  # it stood on two lines
    ]
    assert lighthouse["chosen"].startswith("A tower") and lighthouse["rejected"].startswith("The light")
    assert sky["answer"].startswith("1. The response uses words") and sky["answer"].count("\n") == 1
    assert sky["chosen"].startswith("Sunlight") and sky["rejected"] == "Rayleigh scattering."


def test_the_chosen_response_keeps_more_of_the_hard_rules(made_data):
    row = next(row for name, row in load_all().items() if "lighthouse" in name)
    chosen, rejected = (grade_rubric(row[name], row["answer"]).score for name in ("chosen", "rejected"))
    assert chosen == 1.0 and rejected < 1.0


def test_openrubrics_is_read_through_datasets(made_data, hub_folder, monkeypatch):
    local = load_all()
    hub = hub_folder({"default": {"train": [row for row, _ in read_file(made_data / "openrubrics/train.jsonl")]}})
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setattr(openrubrics, "SOURCE", dataclasses.replace(openrubrics.SOURCE, hub=hub))
    assert load_all() == local


def test_an_instruction_that_occurs_twice_stays_in_one_split(tmp_path):
    asked = [f"Name river number {i}." for i in range(200)]
    rows = [GOOD | {"instruction": text} for text in asked + [text.upper() for text in asked]]
    folder = write(tmp_path, rows)
    parts = {split: load_rows("openrubrics", split, path=folder) for split in SPLITS}
    assert sum(map(len, parts.values())) == 400 and all(len(part) > 10 for part in parts.values())
    assert check_leakage(parts["train"] + parts["validation"], parts["test"]) == len(parts["test"])
    assert check_leakage(parts["train"], parts["validation"]) == len(parts["validation"])
    assert parts == {split: load_rows("openrubrics", split, path=folder) for split in SPLITS}


@pytest.mark.parametrize("winner", ["B", "b", "Response B", "response_b"])
def test_the_winner_is_read_in_several_spellings(tmp_path, winner):
    (row,) = load_all(write(tmp_path, [GOOD | {"winner": winner}])).values()
    assert (row["chosen"], row["rejected"]) == ("A mountain.", "The Nile.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"winner": "tie"}, "the winner is 'tie', neither A nor B"),
        ({"winner": None}, "the winner is None, neither A nor B"),
        ({"rubric": None}, "no text in the field 'rubric'"),
        ({"rubric": "  "}, "no text in the field 'rubric'"),
        ({"rubric": "1. The response names a river."}, "the rubric has no numbered line that ends in [Hard Rule]"),
        ({"rubric": "1. [Hard Rule]"}, "the rubric has no numbered line that ends in [Hard Rule]"),
        ({"response_a": ""}, "no text in the field 'response_a'"),
        ({"instruction": None}, "no text in the field 'instruction'"),
    ],
)
def test_a_bad_row_of_openrubrics_is_named(tmp_path, change, message):
    folder = write(tmp_path, [GOOD, GOOD | change])
    with pytest.raises(DataError, match=re.escape(f"train.jsonl, row 2: {message}")):
        openrubrics.load("train", folder)


def test_a_rubric_without_labels_is_left_out_of_much_data_and_said(tmp_path, capsys):
    folder = write(tmp_path, [GOOD | {"instruction": f"Name river {i}."} for i in range(40)] + [GOOD | {"rubric": "?"}])
    assert len(load_all(folder)) == 40
    assert "1 of 41 records are left out as unusable; the first: train.jsonl, row 41" in capsys.readouterr().out


def test_no_network_says_what_to_do(monkeypatch, offline):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    with pytest.raises(DataError, match="OpenRubrics could not be loaded.*set COURSE_DATA to a folder"):
        load_rows("openrubrics", "test")
