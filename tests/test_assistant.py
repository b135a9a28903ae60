"""Asking a model: replies taken apart, the stream, checkpoints, the commands that ask."""

from __future__ import annotations

import json
import time

import pandas as pd
import pytest

from course_lib.artifacts import REFERENCE
from course_lib.assistant import LONGEST_QUESTION, Assistant, Reply, check_question, trained_adapter
from course_lib.cli import ask, asking, batch, chat, explain
from course_lib.errors import DataError, ModelFileError, SettingError
from course_lib.evaluation import Completion
from course_lib.presets import get_preset
from course_lib.rollouts import GOLD, QUESTION, ROLLOUTS

COMMANDS = {"ask": ask, "chat": chat, "batch": batch, "explain": explain}


@pytest.fixture(scope="module")
def trained():
    return Assistant(str(REFERENCE / "toy_math/06_training/adapter"))


def arguments(name, *given):
    import argparse

    parser = argparse.ArgumentParser()
    COMMANDS[name].add_arguments(parser)
    return parser.parse_args([str(one) for one in given])


def run(name, *given):
    COMMANDS[name].run(arguments(name, *given))


# --- replies


@pytest.mark.parametrize(
    ("text", "ended", "reasoning", "answer", "formed"),
    [
        (ROLLOUTS["reasons, right"], True, "\n12+5=17\n17-4=13\n13*2=26\n", "26", True),
        (ROLLOUTS["reasons, right"], False, "\n12+5=17\n17-4=13\n13*2=26\n", "26", False),
        (ROLLOUTS["blurts, right"], True, None, "26", False),
        (ROLLOUTS["no tags"], True, None, None, False),
        ("<answer>1</answer><answer>2</answer>", True, None, None, False),
        ("", True, None, None, False),
    ],
)
def test_a_reply_has_its_blocks_apart(text, ended, reasoning, answer, formed):
    reply = Reply.read(QUESTION, Completion(text, 9, ended))
    assert (reply.reasoning, reply.answer, reply.well_formed) == (reasoning, answer, formed)
    assert reply.text == text and json.loads(json.dumps(reply.to_dict()))["tokens"] == 9


def test_what_is_shown_names_both_parts_or_shows_all_of_it():
    whole = asking.show(Reply.read(QUESTION, Completion(ROLLOUTS["reasons, right"], 9, True)))
    assert whole.startswith("Reasoning\n  12+5=17") and whole.endswith("Answer\n  26")
    assert asking.show(Reply.read(QUESTION, Completion("I am not sure", 9, True))).endswith("  I am not sure")
    assert "cut off after 9 tokens" in asking.show(Reply.read(QUESTION, Completion("<answer>2", 9, False)))


@pytest.mark.parametrize("question", ["", " \n ", "x" * (LONGEST_QUESTION + 1)])
def test_questions_that_are_none_are_refused(question):
    with pytest.raises(DataError, match="question"):
        check_question(question)


# --- models


def test_the_trained_model_reasons_and_is_right(trained):
    (reply,) = trained.ask([QUESTION])
    assert reply.answer == GOLD and "12+5=17" in reply.reasoning and reply.well_formed


def test_the_stream_grows_into_the_reply(trained):
    pieces = list(trained.stream(QUESTION))
    (whole,) = trained.ask([QUESTION])
    assert pieces[-1] == whole and len(pieces) > 10
    texts = [piece.text for piece in pieces]
    assert all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:], strict=False))


def test_closing_the_stream_stops_the_model(trained):
    steps = []

    def slowly(*_):
        steps.append(1)
        time.sleep(0.02)

    hook = trained.model.get_base_model().register_forward_hook(slowly)
    pieces = trained.stream(QUESTION)
    next(pieces)
    pieces.close()
    stopped_after = len(steps)
    hook.remove()
    (whole,) = trained.ask([QUESTION])
    assert 0 < stopped_after < whole.tokens


def test_sampling_follows_the_seed():
    base = Assistant("base")  # less sure than the trained model
    first, same, other = (base.ask([QUESTION] * 6, strategy="creative", seed=s) for s in (1, 1, 2))
    assert first == same and first != other


@pytest.mark.parametrize("checkpoint", ["base", "tiny"])
def test_the_base_model_has_no_adapter(checkpoint):
    assert not hasattr(Assistant(checkpoint).model, "peft_config")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="neither a model"):
        Assistant(str(tmp_path))


def test_the_trained_adapter_is_your_own_before_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    assert trained_adapter(get_preset("laptop-toy_choice")) == REFERENCE / "toy_choice/06_training/adapter"
    own = tmp_path / "laptop/06_training/adapter"
    own.mkdir(parents=True)
    (own / "adapter_config.json").write_text("{}")
    assert trained_adapter(get_preset("laptop")) == own
    with pytest.raises(ModelFileError, match="chapter 6"):
        trained_adapter(get_preset("laptop-gsm8k"))
    with pytest.raises(ModelFileError, match="chapter 6"):
        trained_adapter(get_preset("t4", task="toy_math"))  # the shipped one is the tiny model's


# --- commands


def test_ask_prints_json(capsys, trained):
    run("ask", QUESTION, "--json", "--checkpoint", REFERENCE / "toy_math/06_training/adapter")
    out, err = capsys.readouterr()
    assert json.loads(out)["answer"] == GOLD and "model: " in err


def test_batch_goes_on_where_it_stopped(tmp_path, capsys, monkeypatch):
    questions = [QUESTION, QUESTION.replace("12", "13"), QUESTION.replace("12", "14")]
    (tmp_path / "in.txt").write_text("\n".join(questions) + "\n\n")
    out = tmp_path / "new/out.json"
    batches, write = [], batch.write_replies

    def stop_after_the_first(path, replies):
        write(path, replies)
        batches.append(len(replies))
        if len(batches) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(batch, "write_replies", stop_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        run("batch", tmp_path / "in.txt", out, "--batch-size", 2)
    run("batch", tmp_path / "in.txt", out, "--batch-size", 2)
    assert batches == [2, 3]
    replies = json.loads(out.read_text())
    assert [reply["question"] for reply in replies] == questions
    assert [reply["answer"] for reply in replies] == [GOLD, "28", "30"]
    assert "3 replies" in capsys.readouterr().out
    with pytest.raises(DataError, match="other questions or settings"):
        run("batch", tmp_path / "in.txt", out, "--strategy", "creative")


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".csv"])
def test_replies_survive_being_written(tmp_path, ending):
    replies = [Reply.read("a, b?", Completion(text, 3, True)).to_dict() for text in ROLLOUTS.values()]
    batch.write_replies(tmp_path / f"out{ending}", replies)
    found = batch.read_replies(tmp_path / f"out{ending}")
    assert [reply["text"] for reply in found] == [reply["text"] for reply in replies]
    assert [reply["question"] for reply in found] == ["a, b?"] * 4
    if ending == ".csv":
        assert len(pd.read_csv(tmp_path / "out.csv")) == 4


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("q.json", "{}", "a list"),
        ("q.json", "[1]", "entry 1"),
        ("q.json", "[", "cannot be read"),
        ("q.jsonl", '{"question": "a"}\n{"q": "b"}', "entry 2"),
        ("q.txt", "\n", "no questions"),
    ],
)
def test_a_file_without_questions_says_what_is_wrong(tmp_path, name, text, wrong):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=wrong):
        batch.read_questions(tmp_path / name)


def test_questions_are_read_from_every_form(tmp_path):
    for name, text in {
        "q.txt": "a\n\nb\n",
        "q.json": '["a", {"question": "b"}]',
        "q.jsonl": '{"question": "a"}\n"b"\n',
    }.items():
        (tmp_path / name).write_text(text)
        assert batch.read_questions(tmp_path / name) == ["a", "b"]


def test_explain_shows_the_advantages_of_the_toy_rollouts(capsys):
    run("explain")
    out = capsys.readouterr().out
    assert "[1] +1.16 " in out and "[4] -1.16 " in out  # rewards 1.5, 0.5, 1, 0: mean 0.75, std 0.6455
    assert "completion 1 gains most" in out


def test_explain_live_samples_a_group(capsys):
    run("explain", "--live", "--group-size", 4)
    out = capsys.readouterr().out
    assert "[4]" in out and "[5]" not in out
    with pytest.raises(SettingError, match="2 or more"):
        run("explain", "--live", "--group-size", 1)


def test_a_group_without_differences_is_named():
    assert "teaches nothing" in explain.lesson(pd.Series([0.0, 0.0]))


def test_chat_answers_obeys_commands_and_goes_on_after_an_error(capsys, monkeypatch, trained):
    lines = iter(["/strategy creative", "/domain medical", "/strategy none", "x" * 5000, "/example", "/quit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    talk = chat.Chat(trained, asking.style_of(arguments("chat")), asking.options_of(arguments("chat")))
    talk.loop()
    out = capsys.readouterr().out
    assert talk.options["strategy"] == "creative" and talk.style.domain == "medical"
    assert "/strategy NAME" in out and "at most 4000" in out and QUESTION in out and "Answer: " in out


def test_ctrl_c_stops_a_reply_and_not_the_chat(capsys, monkeypatch, trained):
    stream = trained.stream

    def interrupted(*given, **options):
        for number, piece in enumerate(stream(*given, **options)):
            if number == 3:
                raise KeyboardInterrupt
            yield piece

    monkeypatch.setattr(trained, "stream", interrupted)
    lines = iter(["/example", "/example"])

    def read(prompt):
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    chat.Chat(trained, asking.style_of(arguments("chat")), asking.options_of(arguments("chat"))).loop()
    assert capsys.readouterr().out.count("(stopped)") == 2
