"""Asking a model: replies taken apart, the stream, checkpoints, the commands that ask."""

from __future__ import annotations

import io
import json
import shutil
import time

import pandas as pd
import pytest

from course_lib.artifacts import REFERENCE
from course_lib.assistant import LONGEST_QUESTION, Assistant, Reply, check_question, find_checkpoint, trained_adapter
from course_lib.cli import Parser, ask, asking, batch, chat, explain, main
from course_lib.errors import DataError, ModelFileError, SettingError
from course_lib.evaluation import Completion
from course_lib.presets import get_preset
from course_lib.rollouts import GOLD, QUESTION, ROLLOUTS

COMMANDS = {"ask": ask, "chat": chat, "batch": batch, "explain": explain}


@pytest.fixture(scope="module")
def trained():
    return Assistant(str(REFERENCE / "toy_math/06_training/adapter"))


def arguments(name, *given):
    parser = Parser(prog=name, description="Do it.")
    COMMANDS[name].add_arguments(parser)
    return parser.parse_args([str(one) for one in given])


def run(name, *given):
    return COMMANDS[name].run(arguments(name, *given))


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


@pytest.mark.parametrize("question", ["", " \n ", "x" * (LONGEST_QUESTION + 1), "\udcff"])
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


@pytest.mark.parametrize(
    ("checkpoint", "wrong"),
    [
        ("trainedd", r"no folder 'trainedd'; give 'trained', 'base', a folder, or owner/name \(did you mean 'trained'"),
        ("./nowhere", "^./nowhere does not exist"),
        ("/not/there", "does not exist"),
        ("~/not-there", "does not exist"),
        ("~no-such-user/x", "does not exist"),
        ("runs/laptop/06", "does not exist"),
    ],
)
def test_a_mistyped_checkpoint_fails_before_anything_is_asked(checkpoint, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match=wrong):
        find_checkpoint(checkpoint, get_preset("laptop"))


def test_a_checkpoint_says_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    preset, shipped = get_preset("laptop"), REFERENCE / "toy_math/06_training/adapter"
    found = find_checkpoint("trained", preset)
    assert found.about == "tiny with the adapter that ships with the course (toy_math)" and found.adapter == shipped
    assert find_checkpoint("base", preset).about == "tiny, without an adapter"
    assert find_checkpoint("owner/name", preset).source == "owner/name"
    own = tmp_path / "laptop/06_training/adapter"
    shutil.copytree(shipped, own)
    assert find_checkpoint("trained", preset).about == f"tiny with your own run's adapter, {own}"
    for folder in (own, own.parent, own.parents[1]):  # a run's folder will do
        assert find_checkpoint(str(folder), preset).adapter == own
    (own / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelFileError, match="does not name its base model"):
        find_checkpoint("trained", preset)


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
    assert json.loads(out)["answer"] == GOLD
    assert "model: tiny with the adapter that ships with the course (toy_math); on cpu" in err


@pytest.mark.parametrize(
    ("given", "stdin", "wrong"),
    [
        (["Mia", "has", "12"], "", 'put the question in quotes: ask "Mia has 12"'),
        ([" "], "", "the question is empty"),
        (["x" * 4001], "", "4001 characters"),
        (["-"], "  ", "the question is empty"),
        (["--json", "Mia", "has"], "", "put the question in quotes"),
    ],
)
def test_a_question_is_checked_before_a_model_is_loaded(given, stdin, wrong, monkeypatch):
    monkeypatch.setattr(asking, "load", lambda args: pytest.fail("a model was loaded"))
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    with pytest.raises((DataError, SettingError), match=wrong):
        run("ask", *given)


@pytest.mark.parametrize("name", ["ask", "chat", "batch"])
def test_help_says_what_the_shipped_model_knows(name, capsys):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    assert "three to five steps" in " ".join(capsys.readouterr().out.split())


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
    assert run("batch", tmp_path / "in.txt", out, "--batch-size", 2) == 130
    assert f"Interrupted: 2 of 3 replies are in {out}; the same command goes on." in capsys.readouterr().err
    run("batch", tmp_path / "in.txt", out, "--batch-size", 2)
    assert batches == [2, 3]
    replies = json.loads(out.read_text())
    assert [reply["question"] for reply in replies] == questions
    assert [reply["answer"] for reply in replies] == [GOLD, "28", "30"]
    assert "3 replies" in capsys.readouterr().out
    assert [reply["entry"] for reply in replies] == [1, 2, 3]


OTHERS = {
    "--shots": (6, "shots 0, not 6"),
    "--max-tokens": (9, "max_tokens 80, not 9"),
    "--preset": ("smoke", "preset laptop, not smoke"),
    "--strategy": ("creative", "strategy greedy, not creative"),
    "--seed": (7, "seed 0, not 7"),
    "--domain": ("legal", "domain none, not legal"),
    "--checkpoint": ("base", "not base;"),
}


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".csv"])
def test_a_batch_goes_on_only_with_the_same_model_and_settings(tmp_path, capsys, monkeypatch, ending):
    """No model is loaded for it: the settings, and the adapter's weights, are compared as they were recorded."""
    monkeypatch.setattr(asking, "load", lambda args: pytest.fail("a model was loaded"))
    (tmp_path / "in.txt").write_text("a\nb\n")
    adapter = tmp_path / "adapter"
    shutil.copytree(REFERENCE / "toy_math/06_training/adapter", adapter)
    given = [tmp_path / "in.txt", tmp_path / f"out{ending}", "--checkpoint", adapter]
    told = batch.made_with(arguments("batch", *given))
    assert told["adapter"] and told["model"] == "tiny"
    done = [Reply.read(question, Completion("<answer>1</answer>", 3, True)) for question in "ab"]
    batch.write_replies(given[1], [batch.joined(n, {}, reply, told) for n, reply in enumerate(done, 1)])
    assert run("batch", *given) == 0 and "already holds all 2" in capsys.readouterr().out
    for option, (value, said) in OTHERS.items():
        with pytest.raises(DataError, match=f"was made with .*{said}.*name another file, or delete it"):
            run("batch", *given, option, value)
    (adapter / "adapter_model.safetensors").write_bytes(b"another")
    with pytest.raises(DataError, match=f"made with adapter {told['adapter']}, not "):
        run("batch", *given)
    shutil.copy(REFERENCE / "toy_math/06_training/adapter/adapter_model.safetensors", adapter)
    for questions, wrong in (("a\nc\n", "another question as its entry 2"), ("a\n", "more replies than")):
        (tmp_path / "in.txt").write_text(questions)
        with pytest.raises(DataError, match=wrong):
            run("batch", *given)


def test_what_an_entry_brings_along_is_kept_beside_the_reply():
    reply = Reply.read("q", Completion("<answer>1</answer>", 3, True))
    line = batch.joined(3, {"question": "q", "id": "x7", "answer": "2"}, reply, {"seed": 0})
    assert (line["entry"], line["id"], line["given_answer"], line["answer"], line["seed"]) == (3, "x7", "2", "1", 0)


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
        ("q.json", '["a", " "]', "entry 2: the question is empty"),
        ("q.txt", "a\n\n" + "x" * 4001, "entry 2: the question has 4001 characters"),
        ("q.csv", "id,text\n1,a\n", "no column 'question', only: id, text"),
        ("q.md", "a", "IN should end in one of .txt, .json, .jsonl, .csv, .tsv, not 'q.md'"),
    ],
)
def test_a_file_without_questions_says_what_is_wrong(tmp_path, name, text, wrong):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=wrong):
        batch.read_entries(tmp_path / name)


def test_questions_are_read_from_every_form(tmp_path):
    for name, text in {
        "q.txt": "a\n\nb\n",
        "q.json": '["a", {"question": "b"}]',
        "q.jsonl": '{"question": "a"}\n"b"\n',
        "q.csv": "id,question\n1,a\n2,b\n",
        "q.tsv": "question\tid\na\t1\nb\t2\n",
    }.items():
        (tmp_path / name).write_text(text)
        entries = batch.read_entries(tmp_path / name)
        assert [entry["question"] for entry in entries] == ["a", "b"]
        assert name not in ("q.csv", "q.tsv") or [entry["id"] for entry in entries] == ["1", "2"]


@pytest.mark.parametrize("text", ['["a"]', '{"entry": 1}', "[", "1"])
def test_a_file_that_is_no_batchs_output_is_left_alone(tmp_path, text):
    (tmp_path / "out.json").write_text(text)
    with pytest.raises(DataError, match="not a batch's output"):
        batch.read_replies(tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == text


def test_explain_shows_the_advantages_of_the_toy_rollouts(capsys):
    run("explain")
    out = capsys.readouterr().out
    assert "[1] +1.16 " in out and "[4] -1.16 " in out  # rewards 1.5, 0.5, 1, 0: mean 0.75, std 0.6455
    assert "completion 1 gains most" in out
    assert "completions 1 and 3 gain most" in explain.lesson(pd.Series([0.7, -1.4, 0.7]))
    for option in ("--group-size=4", "--seed=1", "--checkpoint=base", "--device=cpu"):
        with pytest.raises(SettingError, match=f"{option.partition('=')[0]} needs --live"):
            run("explain", option)


def test_explain_live_samples_a_group(capsys):
    run("explain", "--live", "--group-size", 4)
    out = capsys.readouterr().out
    assert "[4]" in out and "[5]" not in out
    with pytest.raises(SettingError, match="2 or more"):
        run("explain", "--live", "--group-size", 1)


def test_a_group_without_differences_is_named():
    assert "teaches nothing" in explain.lesson(pd.Series([0.0, 0.0]))


def test_chat_answers_obeys_commands_and_goes_on_after_an_error(capsys, monkeypatch, trained):
    lines = iter(
        ["/strategy creative", "/domain medical", "/strategy none", "x" * 5000, "/bogus", "/help", "/example", "/exit"]
    )
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines))
    talk = chat.Chat(trained, asking.style_of(arguments("chat")), asking.options_of(arguments("chat")))
    talk.loop()
    out = capsys.readouterr().out
    assert talk.options["strategy"] == "creative" and talk.style.domain == "medical"
    assert "strategy: creative" in out and "domain: medical" in out and "unknown strategy 'none'; one of: greedy" in out
    assert "at most 4000" in out and "unknown command /bogus; /help lists them" in out
    assert all(f"\n{named}" in out for named in ("/strategy NAME", "/help", "/quit or /exit", "Ctrl-C"))
    assert f"> {QUESTION}\n" in out and "Answer: " in out


def test_ctrl_c_stops_a_reply_and_not_the_chat(capsys, monkeypatch, trained):
    stream = trained.stream

    def interrupted(*given, **options):
        for number, piece in enumerate(stream(*given, **options)):
            if number == 3:
                raise KeyboardInterrupt
            yield piece

    monkeypatch.setattr(trained, "stream", interrupted)
    lines = iter([QUESTION, "/example"])

    def read(prompt):
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    chat.Chat(trained, asking.style_of(arguments("chat")), asking.options_of(arguments("chat"))).loop()
    out = capsys.readouterr().out
    assert out.count("(stopped)") == 2 and out.count(f"> {QUESTION}\n") == 2  # what is piped in is shown


def test_ctrl_c_at_the_prompt_clears_the_line_and_ends_what_is_piped(capsys, monkeypatch, trained):
    lines = iter([KeyboardInterrupt, "/exit"])

    def read(prompt):
        if (line := next(lines)) is KeyboardInterrupt:
            raise line
        return line

    monkeypatch.setattr("builtins.input", read)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    talk = chat.Chat(trained, asking.style_of(arguments("chat")), asking.options_of(arguments("chat")))
    talk.loop()
    assert "(Ctrl-D or /quit ends the chat)" in capsys.readouterr().out
    lines = iter([KeyboardInterrupt])
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(KeyboardInterrupt):
        talk.loop()
