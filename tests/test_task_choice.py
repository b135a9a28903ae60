"""RACE and QuALITY: read in their true schemas from files and through ``datasets``, passages kept apart and cut."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil

import pytest

from course_lib.errors import DataError
from course_lib.models import load_tokenizer
from course_lib.presets import get_preset
from course_lib.tasks import check_leakage, load_rows, preset_rows, prompt_fits, quality, race
from course_lib.tasks.passages import CUT, cut_passage, sentences, strip_html
from course_lib.tasks.sources import read_file
from course_lib.tasks.splits import SPLITS, split_of
from course_lib.training import training_data

GOOD = {
    "example_id": "high1.txt",
    "article": "Geese fly in a V.",
    "question": "How do geese fly?",
    "options": ["In a V", "In a ring", "Alone", "By night"],
    "answer": "A",
}
LINE = {
    "article_id": "20001",
    "article": "<p>Ana slept.</p>",
    "questions": [{"question": "Who slept?", "options": ["Ana", "Ben", "Leo", "Mia"], "gold_label": 1}],
}


def write_race(folder, **parts):
    """A local copy of RACE; a part that is not given has one row of its own."""
    (folder / "race/high").mkdir(parents=True, exist_ok=True)
    for part in SPLITS:
        own = GOOD | {"example_id": f"{part}.txt", "article": f"A passage of {part}."}
        rows = parts.get(part, [own])
        text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
        (folder / f"race/high/{part}.jsonl").write_text(text)


def write_quality(folder, train=(), dev=(LINE,)):
    (folder / "quality").mkdir(exist_ok=True)
    for part, lines in (("train", train), ("dev", dev)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"quality/QuALITY.v1.0.1.{part}").write_text(text)


# RACE


def test_race_is_read_from_a_folder(made_data, capsys):
    rows = race.load("train", config="high")
    assert "1 of 5 rows are left out: another split has their passage" in capsys.readouterr().out
    assert [(row["group"], row["answer"]) for row in rows] == [
        ("high1.txt", "A"),
        ("high1.txt", "B"),
        ("high2.txt", "C"),
        ("high2.txt", "D"),
    ]
    assert rows[1]["question"] == "Mr. Finch was useful because he _ ."
    assert rows[1]["options"][1] == "knew how to work with wood"
    assert rows[0]["passage"] == rows[1]["passage"] != rows[2]["passage"]


def test_race_splits_share_no_passage(made_data):
    """One made training passage is a test passage in capitals, under another id; and all ask for a title."""
    rows = {split: load_rows("race_high", split) for split in SPLITS}
    assert check_leakage(rows["train"] + rows["validation"], rows["test"]) == 2
    assert check_leakage(rows["train"], rows["validation"]) == 1
    assert {row["question"] for row in rows["train"]} & {row["question"] for row in rows["test"]}
    raw = [row["article"] for row, _ in read_file(made_data / "race/high/train.jsonl")]
    with pytest.raises(DataError, match="test row 0 .*the same passage"):
        check_leakage([{"question": "?", "passage": article} for article in raw], rows["test"])


def test_race_is_read_through_datasets(made_data, hub_folder, monkeypatch):
    local = {split: race.load(split, config="high") for split in SPLITS}
    parts = {s: [row for row, _ in read_file(made_data / f"race/high/{s}.jsonl")] for s in SPLITS}
    hub = hub_folder({"high": parts, "middle": {s: [GOOD | {"example_id": f"{s}.txt", "article": s}] for s in SPLITS}})
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setattr(race, "SOURCE", dataclasses.replace(race.SOURCE, hub=hub))
    assert {split: race.load(split, config="high") for split in SPLITS} == local
    assert [row["group"] for row in load_rows("race_middle", "test")] == ["test.txt"]
    with pytest.raises(DataError, match="could not be loaded from the Hub"):
        race.load("test", config="low")


def test_race_in_its_own_files_has_all_questions_of_a_passage_together(tmp_path):
    together = {
        "id": "middle7.txt",
        "article": "Geese fly in a V. They change places.",
        "questions": ["How do geese fly?", "What do they change?"],
        "options": [GOOD["options"], ["Places", "Names", "Sides", "Songs"]],
        "answers": ["A", "A"],
    }
    write_race(tmp_path, test=[together])
    rows = race.load("test", tmp_path / "race", config="high")
    assert [row["question"] for row in rows] == together["questions"]
    assert {row["group"] for row in rows} == {"middle7.txt"} and rows[1]["options"][0] == "Places"
    for short in ({"answers": ["A"]}, {"options": [GOOD["options"]]}, {"options": None}):
        write_race(tmp_path, test=[together | short])
        with pytest.raises(DataError, match="test.jsonl, row 1: questions, options and answers.*same length"):
            race.load("test", tmp_path / "race", config="high")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": None}, "no text in the field 'answer'"),
        ({"answer": ""}, "no text in the field 'answer'"),
        ({"answer": "E"}, "the gold answer 'E' is not one of the letters ABCD"),
        ({"answer": "AB"}, "the gold answer 'AB' is not one of the letters ABCD"),
        ({"options": None}, "the options are not a list of texts"),
        ({"options": "In a V"}, "the options are not a list of texts"),
        ({"options": ["In a V", 2]}, "the options are not a list of texts"),
        ({"options": ["In a V"]}, "1 option, a choice needs two or more"),
        ({"options": ["In a V", "Alone", " alone. "]}, "two options are the same"),
        ({"options": ["In a V", ""]}, "an option is blank"),
        ({"article": None}, "no text in the field 'article'"),
        ({"example_id": ""}, "no text in the field 'example_id'"),
        ({"question": 3}, "no text in the field 'question'"),
    ],
)
def test_a_bad_row_of_race_is_named(tmp_path, change, message):
    write_race(tmp_path, test=[GOOD, GOOD | change])
    with pytest.raises(DataError, match=re.escape(f"test.jsonl, row 2: {message}")):
        race.load("test", tmp_path / "race", config="high")


def test_a_few_repeated_options_in_much_data_are_left_out_and_said(tmp_path, capsys):
    bad = GOOD | {"options": ["In a V", "Alone", "Alone", "By night"]}
    write_race(tmp_path, test=[GOOD] * 30 + [bad])
    assert len(race.load("test", tmp_path / "race", config="high")) == 30
    assert "1 of 31 records are left out as unusable; the first: test.jsonl, row 31" in capsys.readouterr().out
    write_race(tmp_path, test=[GOOD] * 30 + [GOOD | {"answer": "E"}])  # a wrong gold is never passed over
    with pytest.raises(DataError, match="test.jsonl, row 31: the gold answer 'E'"):
        race.load("test", tmp_path / "race", config="high")


def test_a_missing_part_and_no_network_say_what_to_do(tmp_path, monkeypatch, offline):
    write_race(tmp_path)
    (tmp_path / "race/high/validation.jsonl").unlink()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(DataError, match="validation.jsonl is missing.*COURSE_DATA"):
        load_rows("race_high", "train")
    monkeypatch.delenv("COURSE_DATA")
    with pytest.raises(DataError, match="ehovy/race could not be loaded.*race/<config>/train.jsonl"):
        load_rows("race", "test")
    with pytest.raises(DataError, match="QuALITY could not be loaded.*github.com/nyu-mll/quality"):
        load_rows("quality", "test")


# QuALITY


def test_quality_is_read_from_the_official_files(made_data):
    rows = {split: quality.load(split) for split in SPLITS}
    assert [(row["question"], row["answer"], row["group"]) for row in rows["train"]] == [
        ("Who seems to command the ship in the end?", "B", "20001"),  # gold_label 2: labels count from 1
        ("When did the engine fail?", "C", "20001"),
        ("What does the cat not do?", "A", "20001"),  # a second line of the same article
    ]
    assert [row["answer"] for row in rows["validation"]] == ["D"]
    assert [row["question"] for row in rows["test"]] == ["What does Tobias do?"]
    assert check_leakage(rows["train"] + rows["validation"], rows["test"]) == 1
    assert check_leakage(rows["train"], rows["validation"]) == 1


def test_the_html_of_an_article_is_taken_off(made_data):
    passage = quality.load("train")[0]["passage"]
    assert passage.split("\n") == [
        "The Ship",
        "Captain Vale had a ship & a cat.",
        "The cat was called Brass.",
        "They sailed for Mars in May. The engine failed in June. Vale wept; Brass did not.",
        "In July a trader found them. “Who is in command?” he asked. Brass walked forward.",
    ]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Plain text, 3 < 4 & so on.\n\nA new paragraph.", "Plain text, 3 < 4 & so on.\n\nA new paragraph."),
        ("Bel<i>gi</i>an<br/>politics", "Belgian\npolitics"),
        ("<p>one<p>two</p><!-- hidden --><script>x < y</script>", "one\ntwo"),
        ("<p>never closed <b>bold", "never closed bold"),
        ("<p>a &lt;tag&gt; that is text</p>", "a <tag> that is text"),
    ],
)
def test_strip_html(html, text):
    assert strip_html(html) == text


def test_quality_without_html_is_preferred(made_data, tmp_path):
    shutil.copytree(made_data / "quality", tmp_path / "quality")
    plain = LINE | {"article": "Ana slept. No tag here."}
    (tmp_path / "quality/QuALITY.v1.0.1.htmlstripped.dev").write_text(json.dumps(plain) + "\n")
    assert quality.load("test", tmp_path / "quality")[0]["passage"] == "Ana slept. No tag here."


def test_quality_is_read_through_datasets(made_data, hub_folder, monkeypatch):
    """The Hub's copy holds one question a row, the article's id as a number and other names for the parts."""
    local = {split: quality.load(split) for split in SPLITS}

    def flat(part):
        for line, _ in read_file(made_data / f"quality/QuALITY.v1.0.1.{part}"):
            about = {k: v for k, v in line.items() if k != "questions"} | {"article_id": int(line["article_id"])}
            yield from (about | {k: one[k] for k in ("question", "options", "gold_label")} for one in line["questions"])

    hub = hub_folder({"default": {"train": list(flat("train")), "validation": list(flat("dev"))}})
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setattr(quality, "SOURCE", dataclasses.replace(quality.SOURCE, hub=hub))
    assert {split: quality.load(split) for split in SPLITS} == local


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold_label": None}, "no gold_label; QuALITY's own test file has none"),
        ({"gold_label": 0}, "the gold_label 0 is not a whole number from 1 to 4"),
        ({"gold_label": 5}, "the gold_label 5 is not a whole number from 1 to 4"),
        ({"gold_label": "1"}, "the gold_label '1' is not a whole number from 1 to 4"),
        ({"gold_label": True}, "the gold_label True is not a whole number from 1 to 4"),
        ({"options": ["Ana", "Ben", "Ana", "Mia"]}, "two options are the same"),
        ({"options": None}, "the gold_label 1 is not a whole number from 1 to 0"),
        ({"question": " "}, "no text in the field 'question'"),
    ],
)
def test_a_bad_question_of_quality_is_named(tmp_path, change, message):
    question = LINE["questions"][0]
    write_quality(tmp_path, dev=[LINE, LINE | {"questions": [question, question | change]}])
    with pytest.raises(DataError, match=re.escape(f"QuALITY.v1.0.1.dev, row 2, question 2: {message}")):
        quality.load("test", tmp_path / "quality")


def test_an_article_without_an_id_is_an_error(tmp_path):
    write_quality(tmp_path, dev=[LINE | {"article_id": None}])
    with pytest.raises(DataError, match="QuALITY.v1.0.1.dev, row 1: no article_id"):
        quality.load("test", tmp_path / "quality")


def test_an_article_belongs_to_one_split_whatever_line_it_stands_on(tmp_path):
    lines = [
        LINE | {"article_id": str(i), "article": f"Story {i}. Ana slept."} for i in range(100) for _ in range(2)
    ] + [LINE | {"article": LINE["article"].upper()}]  # the dev file's article too
    write_quality(tmp_path, train=lines)
    groups = {split: [row["group"] for row in quality.load(split, tmp_path / "quality")] for split in SPLITS}
    assert len(groups["train"]) + len(groups["validation"]) == 200
    assert not set(groups["train"]) & set(groups["validation"]) and len(groups["validation"]) > 20
    assert all(split_of(group) == "train" for group in groups["train"]) and groups["test"] == ["20001"]


# Passages


def test_a_passage_is_cut_at_sentence_ends_in_the_middle():
    passage = "One two. Three four! Five six?\nSeven eight. Nine ten."
    assert "".join(sentences(passage)) == passage and len(sentences(passage)) == 5
    assert cut_passage(passage, lambda text: True) == passage
    assert cut_passage(passage, lambda text: len(text.split()) <= 7) == "One two. Three four!\n[...]\nNine ten."
    assert cut_passage(passage, lambda text: len(text.split()) <= 3) == "One two.\n[...]"
    assert cut_passage(passage, lambda text: len(text.split()) <= 2) is None
    assert cut_passage("no end " * 50, lambda text: len(text) < 20) is None


def test_as_much_of_a_passage_is_kept_as_fits():
    passage = " ".join(f"This is sentence number {i}." for i in range(200))
    for limit in range(40, 1200, 7):
        cut = cut_passage(passage, lambda text, limit=limit: len(text) <= limit)
        kept = len(re.findall("sentence", cut))
        assert len(cut) <= limit and cut.startswith("This is sentence number 0.") and CUT in cut
        assert limit - len(cut) < 60  # one more sentence would not fit
        assert kept == 1 or cut.endswith("number 199.")


def test_prompts_are_cut_in_the_passage_and_never_in_the_question(tmp_path, monkeypatch):
    long = [
        GOOD | {"example_id": f"{i}.txt", "article": " ".join(f"Goose {i} flew over lake {j}." for j in range(100))}
        for i in range(6)
    ]
    write_race(tmp_path, train=long[:4], test=[long[4], GOOD | {"example_id": "short.txt"}])
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    settings = get_preset("smoke", task="race_high", steps=1, eval_problems=2)
    rows = preset_rows(settings, seed=0)
    fits = prompt_fits(settings)
    for row in rows["train"] + rows["test"]:
        asked = row["prompt"][-1]["content"]
        options = "".join(f"\n{letter}) {option}" for letter, option in zip("ABCD", row["options"], strict=True))
        assert fits(row["prompt"]) and asked.endswith(f"\n\n{row['question']}{options}")
        assert row["passage"] in asked and (CUT in asked) == (row["group"] != "short.txt")
    assert len(training_data(settings, load_tokenizer("tiny"), rows["train"])) == settings.train_problems
    whole = load_rows("race_high", "train")
    assert not any(CUT in row["passage"] or fits(row["prompt"]) for row in whole)


def test_a_question_that_cannot_fit_is_left_out(tmp_path, monkeypatch, capsys):
    """Nothing of its passage would be left: it could not be answered."""
    wordy = GOOD | {"example_id": "wordy.txt", "options": ["very " * 300 + name for name in "abcd"]}
    write_race(tmp_path, test=[wordy, GOOD])
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    settings = get_preset("smoke", task="race_high", steps=1)
    rows = preset_rows(settings, seed=0)
    assert [row["group"] for row in rows["test"]] == ["high1.txt"]
    told = capsys.readouterr().out
    assert "race_high has 1 test rows that fit, fewer than the 32 of the preset" in told
    assert "race_high has 1 training rows that fit: they come round again, to make 4" in told
    with pytest.raises(DataError, match="race_high test has 1 rows that fit, 2 were asked for"):
        load_rows("race_high", "test", 2, fits=prompt_fits(settings))
    with pytest.raises(DataError, match="no train prompt of at most 10 tokens"):
        preset_rows(get_preset("smoke", task="race_high", max_prompt_length=10), seed=0)
