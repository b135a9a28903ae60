"""Every form of export is the model that was measured, or an error says that it is not."""

from __future__ import annotations

import errno
import random
import shutil
from functools import partial
from pathlib import Path

import jinja2
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from course_lib import export, gguf_export, llama
from course_lib.artifacts import REFERENCE, read_json
from course_lib.errors import CourseError, ExportError
from course_lib.evaluation import evaluate, generate
from course_lib.models import load_adapter, load_model, load_tokenizer, verify_checksums
from course_lib.prompts import EOS_IDS, build_prompt, instruction
from course_lib.tasks import load_rows

ADAPTER = REFERENCE / "toy_math/06_training/adapter"
PROMPTS = [row["prompt"] for row in load_rows("toy_math", "test", 16, 0)]
needs_llama = pytest.mark.skipif(not llama.available(), reason="xllamacpp has no wheel for this system")


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("tiny")


@pytest.fixture(scope="module")
def adapted():
    return load_adapter(load_model("tiny"), ADAPTER)


@pytest.fixture(scope="module")
def exported(adapted, tokenizer, tmp_path_factory):
    """Every form, by the name that ``form_of`` gives it."""
    folder = tmp_path_factory.mktemp("export")
    forms = [
        export.export_adapter(adapted, tokenizer, folder / "adapter", "tiny"),
        export.export_merged(adapted, tokenizer, folder / "merged"),
        export.export_merged(adapted, tokenizer, folder / "bf16", "bfloat16"),
        *(
            export.export_gguf(adapted, tokenizer, folder / f"gguf-{form}", instruction(), form=form)
            for form in gguf_export.FORMS
        ),
    ]
    return {export.form_of(path): path for path in forms}


def verify(model, tokenizer, *paths, **options):
    return export.verify_export(model, tokenizer, paths, PROMPTS, "tiny", **options)


def test_adapter_and_merged_are_the_model(adapted, tokenizer, exported):
    found = verify(adapted, tokenizer, *(exported[name] for name in ("adapter", "merged float32", "merged bfloat16")))
    assert list(found["agrees"]) == [True, True, None]  # bfloat16 rounds: measured, not judged
    assert list(found["same completions"][:2]) == [1.0, 1.0]
    gaps = list(found["largest difference"])
    assert gaps[0] == 0 and 0 < gaps[1] < 1e-3 < gaps[2]


@needs_llama
@pytest.mark.slow
def test_llama_cpp_writes_the_same_tokens(adapted, tokenizer, exported):
    found = verify(adapted, tokenizer, *(path for name, path in exported.items() if name.startswith("gguf")))
    assert list(found["form"]) == ["gguf f32", "gguf f16", "gguf q8_0"]
    assert list(found["agrees"]) == [True, True, None]

    gaps = list(found["largest difference"])
    assert 0 < gaps[0] < gaps[1] < gaps[2]  # each rounds more
    assert list(found["MB"]) == sorted(found["MB"], reverse=True)


@needs_llama
@pytest.mark.slow
def test_a_gguf_is_evaluated_as_any_model(adapted, tokenizer, exported):
    rows, gguf = load_rows("toy_math", "test", 16, 0), exported["gguf f32"]
    here, there = evaluate(adapted, tokenizer, rows), evaluate(partial(llama.ask_gguf, gguf), None, rows)
    told = ["completion", "answer", "correct", "well_formed", "ended", "length"]
    assert there[told].equals(here[told]) and there["correct"].mean() > 0.5


def test_another_model_does_not_pass(adapted, tokenizer, exported, tmp_path):
    """The base model; the same judged by its tokens alone; the right one with a few weights moved a little."""
    base = load_model("tiny")
    base.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    with pytest.raises(ExportError, match=r"base is not the model that was measured: .*tolerance 0.001"):
        verify(adapted, tokenizer, tmp_path / "base")
    with pytest.raises(ExportError, match="base is not the model"):
        verify(adapted, tokenizer, tmp_path / "base", tolerances={"merged float32": 1e9})
    moved = export.merged_copy(adapted)
    with torch.no_grad():
        moved.model.layers[3].mlp.up_proj.weight[5] += 0.01
    moved.save_pretrained(tmp_path / "moved")
    tokenizer.save_pretrained(tmp_path / "moved")
    with pytest.raises(ExportError, match=r"moved is not the model that was measured: 100.0%"):
        verify(adapted, tokenizer, tmp_path / "moved")


@needs_llama
def test_a_gguf_of_another_model_does_not_pass(adapted, tokenizer, tmp_path, monkeypatch):
    def without_one(name, array, form):
        return encode(name, array - 1 if name.endswith("q_norm.weight") else array, form)

    encode = gguf_export._encode
    monkeypatch.setattr(gguf_export, "_encode", without_one)  # the likeliest mistake of a conversion
    path = gguf_export.write_gguf(export.merged_copy(adapted), tokenizer, tmp_path / "m.gguf")
    with pytest.raises(ExportError, match=r"m.gguf is not the model that was measured"):
        verify(adapted, tokenizer, path)


def test_a_merged_folder_is_a_plain_gemma(adapted, exported, tokenizer):
    folder = exported["merged float32"]
    verify_checksums(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert type(model) is Gemma3ForCausalLM and not any("lora" in name for name, _ in model.named_parameters())
    adapted.generation_config.eos_token_id = 1  # as some bases have it
    assert export.merged_copy(adapted).generation_config.eos_token_id == list(EOS_IDS)
    assert model.generation_config.eos_token_id == list(EOS_IDS)
    assert load_tokenizer(str(folder)).chat_template == tokenizer.chat_template
    assert any("lora" in name for name, _ in adapted.named_parameters())  # merging has left it as it was


def test_an_adapter_folder_names_its_base(exported):
    config = read_json(exported["adapter"] / "adapter_config.json")
    assert config["base_model_name_or_path"] == "tiny"
    assert (exported["adapter"] / "chat_template.jinja").is_file()
    assert not (exported["adapter"] / "README.md").exists()


def test_a_folder_that_is_no_export_is_left_alone(adapted, tokenizer, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="left alone"):
        export.export_merged(adapted, tokenizer, tmp_path)
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ExportError, match="left alone"):
        export.export_merged(adapted, tokenizer, tmp_path / "file")
    with pytest.raises(ExportError, match="cannot be written"):
        export.export_merged(adapted, tokenizer, tmp_path / "file" / "below")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "thesis.txt"]


def test_a_full_disk_loses_nothing(adapted, tokenizer, tmp_path, monkeypatch):
    folder = export.export_merged(adapted, tokenizer, tmp_path / "merged")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(tokenizer), "save_pretrained", full)
    with pytest.raises(ExportError, match="No space left on device.*free some space"):
        export.export_merged(adapted, tokenizer, folder, "float16")
    verify_checksums(folder)
    assert read_json(folder / "config.json")["dtype"] == "float32"
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]


def test_unknown_forms(adapted, tokenizer, tmp_path):
    with pytest.raises(ExportError, match="float32, float16 or bfloat16"):
        export.export_merged(adapted, tokenizer, tmp_path / "x", "float8")
    with pytest.raises(ExportError, match="f32, f16, q8_0"):
        export.export_gguf(adapted, tokenizer, tmp_path / "x", "", form="q4_k_m")
    with pytest.raises(ExportError, match="no export"):
        export.form_of(tmp_path)


def test_a_quantised_base_is_not_merged(adapted):
    adapted.config.quantization_config = {"bits": 4}
    try:
        with pytest.raises(ExportError, match="full precision.*merged_16bit"):
            export.merged_copy(adapted)
    finally:
        del adapted.config.quantization_config


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"query_pre_attn_scalar": 64}, "query_pre_attn_scalar"),
        ({"final_logit_softcapping": 30.0}, "soft-capped"),
        ({"tie_word_embeddings": False}, "not tied"),
        ({"model_type": "llama"}, "not of llama"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
    ],
)
def test_what_gguf_would_get_wrong_is_refused(tokenizer, tmp_path, change, why):
    model = load_model("tiny")
    for name, value in change.items():
        setattr(model.config, name, value)
    with pytest.raises(ExportError, match=f"{why}.*save_pretrained_gguf.*convert_hf_to_gguf.py"):
        gguf_export.write_gguf(model, tokenizer, tmp_path / "m.gguf")
    assert not list(tmp_path.iterdir())


def test_a_tokenizer_of_another_kind_is_refused(tmp_path):
    """Gemma's own has pieces of words with a mark for the space, and no byte-level splitting."""
    other = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE(byte_fallback=True)))
    with pytest.raises(ExportError, match="tiny model's tokenizer only.*tokenizer.model"):
        gguf_export.write_gguf(load_model("tiny"), other, tmp_path / "m.gguf")


@needs_llama
@pytest.mark.parametrize("layers", [["full_attention"] * 2, ["sliding_attention", "full_attention"] * 2])
def test_other_shapes(tokenizer, tmp_path, layers):
    """No sliding layer at all, and another pattern; one head for keys, larger heads, a window shorter than the text."""
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=768,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=len(layers),
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=64,
        query_pre_attn_scalar=64,
        sliding_window=32,
        layer_types=layers,
        max_position_embeddings=512,
        initializer_range=0.3,
    )
    model = Gemma3ForCausalLM(config).eval()
    path = gguf_export.write_gguf(model, tokenizer, tmp_path / "m.gguf", "f32")
    answers = llama.ask_gguf(path, PROMPTS[:2], max_new_tokens=24, top=8)
    assert export._gguf_gap(model, tokenizer, PROMPTS[:2], answers) < 0.1  # with no window, or all windows: above 1


@needs_llama
def test_the_tokenizer_in_the_file_reads_any_text(tokenizer, exported):
    draw = random.Random(0)
    letters = "abcXYZ 0123456789 .,!?\n\t'\"<>/-+*=é漢🙂\u00a0ſßµ" + "".join(
        chr(draw.randrange(1, 0x3000)) for _ in range(60)
    )
    texts = ["".join(draw.choices(letters, k=draw.randrange(40))) for _ in range(1000)]
    texts += [
        "Mia's 12 apples don't",
        "<bos><start_of_turn>user\nhi<end_of_turn>",
        "   x",
        "a  b",
        "<reasoning>\n1+1=2",
    ]
    got = llama.tokenize_gguf(exported["gguf f16"], texts)
    assert got == tokenizer(texts, add_special_tokens=False).input_ids


@needs_llama
def test_a_damaged_file_is_an_error_and_not_the_end(exported, tmp_path):
    whole = exported["gguf f16"].read_bytes()
    damaged = tmp_path / "damaged.gguf"
    for content in (
        whole[: len(whole) // 2],
        b"not a model",
        whole.replace(b"gemma3.block_count", b"gemma3.block_clown"),
    ):
        damaged.write_bytes(content)
        with pytest.raises(ExportError, match="llama.cpp cannot run .*damaged.gguf: "):
            llama.ask_gguf(damaged, PROMPTS[:1])
    with pytest.raises(ExportError, match="missing"):
        llama.ask_gguf(tmp_path / "none.gguf", PROMPTS[:1])


@needs_llama
def test_llama_cpp_stops_samples_and_is_cut_off(adapted, tokenizer, exported):
    path, prompts = exported["gguf f16"], PROMPTS[:3]
    whole = generate(adapted, tokenizer, prompts)
    for one, other in zip(whole, llama.ask_gguf(path, prompts), strict=True):
        assert (one.text, one.tokens, one.ended, one.ids) == (other.text, other.tokens, other.ended, other.ids)
        assert other.ended and other.ids[-1] == EOS_IDS[1] and not other.top
    assert all((a.tokens, a.ended) == (5, False) for a in llama.ask_gguf(path, prompts, max_new_tokens=5))
    sampled = [llama.ask_gguf(path, prompts * 3, temperature=1.5, seed=seed) for seed in (1, 1, 2)]
    assert sampled[0] == sampled[1] != sampled[2]


def test_without_llama_cpp_the_error_says_what_to_do(exported, monkeypatch):
    monkeypatch.setattr(llama, "available", lambda: False)
    with pytest.raises(CourseError, match="pip install xllamacpp"):
        llama.ask_gguf(exported["gguf f16"], PROMPTS[:1])


def rendered(text: str, messages: list[dict]) -> str:
    """What Ollama makes of a Modelfile's template: its few actions in Go's language are put in Jinja's."""
    template = text.split('TEMPLATE """')[1].split('"""')[0]
    for go, jinja in {
        "{{ range .Messages }}": "{% for m in messages %}",
        '{{ if eq .Role "user" }}': "{% if m.role == 'user' %}",
        '{{ else if eq .Role "assistant" }}': "{% elif m.role == 'assistant' %}",
        "{{ end }}{{ end }}": "{% endif %}{% endfor %}",
        "{{ .Content }}": "{{ m.content }}",
    }.items():
        assert go in template
        template = template.replace(go, jinja)
    return jinja2.Environment(keep_trailing_newline=True).from_string(template).render(messages=messages)


def test_the_modelfile_asks_as_in_training(exported, tokenizer):
    text = (exported["gguf f16"].parent / "Modelfile").read_text()
    turns = [("user", "What is 2+2?"), ("assistant", "<answer>4</answer>"), ("user", "And 3+3?")]
    for n in (1, 3):
        bare = [{"role": role, "content": content} for role, content in turns[:n]]
        full = [m if m["role"] == "assistant" else build_prompt(m["content"])[0] for m in bare]
        wanted = tokenizer.apply_chat_template(full, add_generation_prompt=True, tokenize=False)
        assert rendered(text, bare) == wanted
    assert f"FROM ./{exported['gguf f16'].name}\n" in text and 'PARAMETER stop "<end_of_turn>"' in text
    with pytest.raises(ExportError, match="three quotes"):
        gguf_export.modelfile("m.gguf", 'say """', 80)


class FromUnsloth:
    """What export_gguf sees of a model that Unsloth has loaded (its converter downloads and compiles llama.cpp)."""

    def __init__(self, writes: bool):
        self.writes = writes

    def save_pretrained_gguf(self, folder, tokenizer, quantization_method):
        if self.writes:
            shutil.copyfile(ADAPTER / "adapter_config.json", Path(folder, f"gemma.{quantization_method.upper()}.gguf"))


def test_a_model_of_unsloth_goes_to_unsloths_converter(tokenizer, tmp_path):
    path = export.export_gguf(FromUnsloth(True), tokenizer, tmp_path / "gguf", instruction(), form="q8_0")
    text = (path.parent / "Modelfile").read_text()
    assert path.name == "gemma.Q8_0.gguf" and "FROM ./gemma.Q8_0.gguf" in text
    assert "<bos>" not in text  # llama.cpp's own conversion adds it
    with pytest.raises(ExportError, match="no GGUF file"):
        export.export_gguf(FromUnsloth(False), tokenizer, tmp_path / "none", instruction())
    assert not (tmp_path / "none").exists()
