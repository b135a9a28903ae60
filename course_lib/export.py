"""Export a trained model as an adapter, merged, or as GGUF, and prove that each is the model that was measured."""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from course_lib import llama
from course_lib.artifacts import read_json, write_json
from course_lib.errors import ExportError
from course_lib.evaluation import generate
from course_lib.gguf_export import modelfile, write_gguf
from course_lib.models import load_adapter, load_model
from course_lib.prompts import EOS_IDS

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from course_lib.evaluation import Completion

# How far logits (log-probabilities for GGUF) may be apart, in nats, for the numbers that a form keeps. Forms that are
# not listed round more: they are measured, not judged.
TOLERANCES = {"adapter": 1e-5, "merged float32": 1e-3, "gguf f32": 0.02, "gguf f16": 0.05}
GGUF_FORMS = {0: "f32", 1: "f16", 7: "q8_0"}  # general.file_type
TOP = 16  # llama.cpp reports log-probabilities of the likeliest tokens alone


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A fresh folder that takes the place of ``folder`` when everything is written, and vanishes if it is not.

    Only an earlier export is replaced, as its ``SHA256SUMS`` shows. Raises ``ExportError`` for any other folder that
    is not empty, and for one that cannot be written.
    """
    from safetensors import SafetensorError

    folder = folder.absolute()
    if folder.exists() and not (folder / "SHA256SUMS").is_file() and (folder.is_file() or any(folder.iterdir())):
        raise ExportError(f"{folder} is there and is no earlier export, so it is left alone; name another folder")
    fresh = folder.with_name(folder.name + ".new")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        yield fresh
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(fresh, folder)
    except (OSError, SafetensorError) as error:
        raise ExportError(f"{folder} cannot be written ({error}); free some space, or name another folder") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_checksums(folder: Path) -> None:
    """List the SHA-256 of every file in ``SHA256SUMS``, for ``models.verify_checksums`` and ``sha256sum -c``."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


def export_adapter(model: PeftModel, tokenizer: PreTrainedTokenizerBase, folder: Path, base: str) -> Path:
    """The adapter alone, with the tokenizer. ``base``: the name of the model that it belongs on."""
    with whole_folder(folder) as fresh:
        model.save_pretrained(str(fresh), save_embedding_layers=False)
        named = fresh / "adapter_config.json"
        write_json(named, read_json(named) | {"base_model_name_or_path": base})  # not a path of this machine
        (fresh / "README.md").unlink(missing_ok=True)  # PEFT's empty card; hub.py writes a real one
        tokenizer.save_pretrained(fresh)
        write_checksums(fresh)
    return folder


def merged_copy(model: PeftModel) -> PreTrainedModel:
    """A plain model with the adapter added to its weights; ``model`` stays as it is."""
    if getattr(model.config, "quantization_config", None):
        raise ExportError(
            "the base model is quantised: load it in full precision, put the adapter on it, then export; or, for a "
            "model loaded with Unsloth, model.save_pretrained_merged(folder, tokenizer, save_method='merged_16bit')"
        )
    plain = copy.deepcopy(model).merge_and_unload().eval()
    plain.generation_config.eos_token_id = list(EOS_IDS)  # without 106 it would not stop after its turn
    return plain


def export_merged(model: PeftModel, tokenizer: PreTrainedTokenizerBase, folder: Path, dtype: str = "float32") -> Path:
    """A plain Gemma 3 in safetensors: weights, configuration, where to stop, tokenizer with its chat template."""
    import torch

    if dtype not in ("float32", "float16", "bfloat16"):
        raise ExportError(f"unknown dtype {dtype!r}; choose float32, float16 or bfloat16")
    with whole_folder(folder) as fresh:
        merged_copy(model).to(getattr(torch, dtype)).save_pretrained(fresh)
        tokenizer.save_pretrained(fresh)
        write_checksums(fresh)
    return folder


def export_gguf(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    instruction: str,
    limit: int = 80,
    form: str = "f16",
) -> Path:
    """A GGUF file for llama.cpp, with a Modelfile for Ollama. Returns the path of the file.

    ``instruction`` stands in front of each question, ``limit`` is the longest completion in tokens. A model loaded
    with Unsloth is converted by Unsloth. Raises ``ExportError`` for any other that the course cannot convert, naming
    the tools that can.
    """
    by_unsloth = hasattr(model, "save_pretrained_gguf")
    with whole_folder(folder) as fresh:
        if by_unsloth:
            model.save_pretrained_gguf(str(fresh), tokenizer, quantization_method=form)
        else:
            write_gguf(merged_copy(model), tokenizer, fresh / f"model-{form}.gguf", form)
        made = sorted(path.relative_to(fresh) for path in fresh.rglob("*.gguf"))
        if not made:
            raise ExportError(f"Unsloth has written no GGUF file into {folder}; its messages above say why")
        text = modelfile(made[0].as_posix(), instruction, limit, writes_bos=not by_unsloth)
        (fresh / "Modelfile").write_text(text, encoding="utf-8")
        write_checksums(fresh)
    return folder / made[0]


def form_of(path: Path) -> str:
    """What an exported file or folder is, such as ``adapter``, ``merged float32`` or ``gguf f16``."""
    if path.suffix == ".gguf":
        from gguf import GGUFReader

        kind = GGUFReader(path).get_field("general.file_type").contents()
        return f"gguf {GGUF_FORMS.get(kind, f'type {kind}')}"
    if (path / "adapter_config.json").is_file():
        return "adapter"
    if (path / "config.json").is_file():
        return f"merged {read_json(path / 'config.json')['dtype']}"
    raise ExportError(f"{path} is no export: neither a GGUF file nor a folder with an adapter or a model")


def largest_gap(
    model: PreTrainedModel,
    other: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[list[dict]],
    completions: Sequence[Completion],
) -> float:
    """The largest difference between two models' logits at any position of prompt and completion."""
    texts = zip(_prompt_ids(tokenizer, prompts), completions, strict=True)
    gaps = [(_logits(model, [*ids, *done.ids]) - _logits(other, [*ids, *done.ids])).abs().max() for ids, done in texts]
    return max(gaps).item()


def verify_export(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    forms: Sequence[Path],
    prompts: Sequence[list[dict]],
    base: str,
    max_new_tokens: int = 80,
    batch_size: int = 64,
    tolerances: Mapping[str, float] = TOLERANCES,
) -> pd.DataFrame:
    """Load each form from its files and compare it with ``model``: greedy tokens, and logits on the way.

    A row each: ``form``, ``MB``, ``prompts``, ``same completions`` (a share; token for token), ``largest difference``
    (of logits at every position; for GGUF of the log-probabilities of the likeliest tokens at every position of the
    completion), ``tolerance`` and ``agrees``, the last two ``None`` for a form that rounds more than a tolerance
    allows. Raises ``ExportError`` naming a form that does not agree.
    """
    wanted = generate(model, tokenizer, list(prompts), max_new_tokens=max_new_tokens, batch_size=batch_size)
    table = []
    for path in forms:
        form, size = form_of(path), _size(path)
        if path.suffix == ".gguf":
            context = max(map(len, _prompt_ids(tokenizer, prompts))) + max_new_tokens + 8
            got = llama.ask_gguf(path, prompts, max_new_tokens, top=TOP, context=context)
            gap = _gguf_gap(model, tokenizer, prompts, got)
        else:
            other = load_adapter(load_model(base), path) if form == "adapter" else load_model(str(path))
            got = generate(other, tokenizer, list(prompts), max_new_tokens=max_new_tokens, batch_size=batch_size)
            gap = largest_gap(model, other, tokenizer, prompts, wanted)
        same = sum(one.ids == two.ids for one, two in zip(wanted, got, strict=True)) / len(wanted)
        limit = tolerances.get(form)
        agrees = None if limit is None else same == 1.0 and gap <= limit
        table.append((form, size / 1e6, len(wanted), same, gap, limit, agrees))
        if agrees is False:
            raise ExportError(
                f"{path} is not the model that was measured: {same:.1%} of {len(wanted)} greedy completions are the "
                f"same, the largest difference is {gap:.2g} (tolerance {limit:g}); export it anew"
            )
    columns = ["form", "MB", "prompts", "same completions", "largest difference", "tolerance", "agrees"]
    return pd.DataFrame(table, columns=columns).astype({"agrees": object})


def _prompt_ids(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[list[dict]]) -> list[list[int]]:
    texts = [tokenizer.apply_chat_template(p, add_generation_prompt=True, tokenize=False) for p in prompts]
    return tokenizer(texts, add_special_tokens=False).input_ids


def _logits(model: PreTrainedModel, ids: Sequence[int]):
    """Logits (positions, vocabulary) of one sequence of tokens."""
    import torch

    with torch.inference_mode():
        return model(torch.tensor([ids], device=model.device)).logits[0].float().cpu()


def _gguf_gap(model, tokenizer, prompts: Sequence[list[dict]], got: Sequence[llama.GgufCompletion]) -> float:
    """The largest difference between llama.cpp's log-probabilities and the model's own, along llama.cpp's tokens."""
    gaps = []
    for ids, done in zip(_prompt_ids(tokenizer, prompts), got, strict=True):
        own = _logits(model, [*ids, *done.ids])[len(ids) - 1 : -1].log_softmax(-1)
        gaps += [
            abs(row[token].item() - theirs)
            for row, top in zip(own, done.top, strict=True)
            for token, theirs in top.items()
        ]
    return max(gaps)


def _size(path: Path) -> int:
    """Bytes of the weights."""
    files = [path] if path.is_file() else path.glob("*.safetensors")
    return sum(file.stat().st_size for file in files)
