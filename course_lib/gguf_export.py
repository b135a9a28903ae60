"""A Gemma 3 with a tokenizer of the tiny kind as a GGUF file, which llama.cpp and Ollama run.

What the file has to hold follows llama.cpp's own conversion of Gemma 3. Its tokenizer must be one that llama.cpp
knows by name: here the byte-level BPE with single digits that it calls ``smollm``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.errors import ExportError
from course_lib.prompts import EOS_IDS

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FORMS = ("f32", "f16", "q8_0")
PRE_TOKENIZER = "smollm"
DIGITS_THEN_BYTES = [
    {"type": "Digits", "individual_digits": True},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
]
ELSEWHERE = (
    "Convert it with Unsloth: model.save_pretrained_gguf(folder, tokenizer, quantization_method='q8_0'); or with "
    "llama.cpp's convert_hf_to_gguf.py on the merged folder, after copying tokenizer.model from the base "
    "model's repository into it"
)


def obstacle(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Why ``write_gguf`` cannot write this model; ``None`` if it can."""
    config = model.config
    if config.model_type != "gemma3_text":
        return f"the course writes GGUF files of Gemma 3 text models, not of {config.model_type}"
    parts = json.loads(tokenizer.backend_tokenizer.to_str())
    splits = (parts["pre_tokenizer"] or {}).get("pretokenizers")
    if parts["model"]["type"] != "BPE" or splits != DIGITS_THEN_BYTES or parts["normalizer"]:
        return "the course writes GGUF files of the tiny model's tokenizer only, a byte-level BPE with single digits"
    ropes = (config.rope_parameters[kind] for kind in set(config.layer_types))
    checks = {
        "query_pre_attn_scalar differs from head_dim": config.query_pre_attn_scalar != config.head_dim,
        "logits or attention are soft-capped": config.final_logit_softcapping or config.attn_logit_softcapping,
        "the output layer is not tied to the embedding": not config.tie_word_embeddings,
        "the rotary embedding is scaled": any(rope["rope_type"] != "default" for rope in ropes),
        "the model is quantised": getattr(config, "quantization_config", None),
    }
    return next((f"llama.cpp would compute something else: {why}" for why, true in checks.items() if true), None)


def write_gguf(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: Path, form: str = "f16") -> Path:
    """Write ``path``. ``form`` is the precision of the matrices: ``f32``, ``f16`` or ``q8_0`` (8-bit blocks of 32).

    ``model`` has no adapter parts (see ``export.merged_copy``). The file appears whole or not at all. Raises
    ``ExportError`` for a model that the course cannot convert, naming the tools that can.
    """
    import gguf

    if form not in FORMS:
        raise ExportError(f"unknown GGUF form {form!r}; choose one of: {', '.join(FORMS)}")
    if why := obstacle(model, tokenizer):
        raise ExportError(f"no GGUF: {why}. {ELSEWHERE}")
    kind = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16}
    fresh = path.with_name(path.name + ".new")
    writer = gguf.GGUFWriter(fresh, "gemma3")
    try:
        writer.add_name(path.stem)
        writer.add_file_type(kind.get(form, gguf.LlamaFileType.MOSTLY_Q8_0))
        _add_architecture(writer, model.config)
        _add_tokenizer(writer, tokenizer, model.config.vocab_size)
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, model.config.num_hidden_layers)
        for name, tensor in model.state_dict().items():
            if name != "lm_head.weight":  # the embedding again
                array, stored = _encode(name, tensor.detach().float().cpu().numpy(), form)
                known = names.get_name(name, try_suffixes=(".weight",))
                if known is None:
                    raise ExportError(f"no GGUF: llama.cpp has no name for the weight {name}; is it a merged model?")
                writer.add_tensor(known, array, raw_dtype=stored)
        path.parent.mkdir(parents=True, exist_ok=True)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    except OSError as error:
        raise ExportError(
            f"{path} cannot be written ({error.strerror}); free some space, or choose a folder"
        ) from error
    finally:
        writer.close()
    os.replace(fresh, path)
    return path


def _encode(name: str, array: np.ndarray, form: str) -> tuple[np.ndarray, int]:
    """A weight as GGUF stores it, and its type. Gemma's norms multiply by 1 + w: llama.cpp wants the sum."""
    import gguf
    import numpy as np

    if name.endswith("norm.weight"):
        return (array + 1).astype(np.float32), gguf.GGMLQuantizationType.F32
    stored = getattr(gguf.GGMLQuantizationType, form.upper())
    block = gguf.GGML_QUANT_SIZES[stored][0]
    if array.shape[-1] % block:
        raise ExportError(f"no GGUF: {name} has rows of {array.shape[-1]}, {form} needs a multiple of {block}; use f16")
    return gguf.quants.quantize(array, stored), stored


def _add_architecture(writer, config) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])
    sliding = [kind == "sliding_attention" for kind in config.layer_types]
    if any(sliding):
        writer.add_rope_freq_base_swa(config.rope_parameters["sliding_attention"]["rope_theta"])
        writer.add_sliding_window(config.sliding_window)
        writer.add_sliding_window_pattern(sliding)


def _add_tokenizer(writer, tokenizer: PreTrainedTokenizerBase, size: int) -> None:
    import gguf

    tokens = [f"<unused{i}>" for i in range(size)]  # every row of the embedding needs a name of its own
    types = [gguf.TokenType.UNUSED] * size
    for token, i in tokenizer.get_vocab().items():
        tokens[i], types[i] = token, gguf.TokenType.NORMAL
    for i, added in tokenizer.added_tokens_decoder.items():
        types[i] = gguf.TokenType.CONTROL if added.special else gguf.TokenType.USER_DEFINED
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(EOS_IDS[0])
    writer.add_eot_token_id(EOS_IDS[1])
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_add_bos_token(False)  # the chat template writes <bos>
    writer.add_chat_template(tokenizer.chat_template)


MODELFILE = '''# ollama create NAME -f Modelfile
FROM ./{gguf}
# The instruction stands in every user turn, word for word as in training; a system message is not used.
TEMPLATE """{bos}{{{{ range .Messages }}}}{{{{ if eq .Role "user" }}}}<start_of_turn>user
{instruction}

{{{{ .Content }}}}<end_of_turn>
{{{{ else if eq .Role "assistant" }}}}<start_of_turn>model
{{{{ .Content }}}}<end_of_turn>
{{{{ end }}}}{{{{ end }}}}<start_of_turn>model
"""
PARAMETER stop "<end_of_turn>"
PARAMETER stop "<eos>"
PARAMETER temperature 0
PARAMETER num_predict {limit}
'''


def modelfile(gguf_name: str, instruction: str, limit: int, writes_bos: bool = True) -> str:
    """Ollama's Modelfile for a GGUF beside it. ``limit``: the longest completion in tokens.

    ``writes_bos``: whether the template has to write ``<bos>``; a GGUF made by llama.cpp's own converter adds it.
    """
    if '"""' in instruction or "{{" in instruction:
        raise ExportError("the instruction holds three quotes or two braces, which end a Modelfile's template")
    return MODELFILE.format(gguf=gguf_name, instruction=instruction, limit=limit, bos="<bos>" if writes_bos else "")
