"""The sizes of a Gemma 3 text model, and the parameters that follow from them; nothing is loaded or downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from course_lib.errors import SettingError


@dataclass(frozen=True)
class Shape:
    """The sizes of a Gemma 3 text model, embeddings tied. ``full``: layers with full attention; ``window``: tokens."""

    hidden: int
    layers: int
    full: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    window: int

    @property
    def q(self) -> int:
        """The width of all query heads together."""
        return self.heads * self.head_dim

    @property
    def kv(self) -> int:
        return self.kv_heads * self.head_dim

    def linears(self) -> dict[str, tuple[int, int]]:
        """(in, out) of the seven linear layers of a block."""
        h, q, kv, f = self.hidden, self.q, self.kv, self.ffn
        attention = {"q_proj": (h, q), "k_proj": (h, kv), "v_proj": (h, kv), "o_proj": (q, h)}
        return attention | {"gate_proj": (h, f), "up_proj": (h, f), "down_proj": (f, h)}

    @property
    def linear_parameters(self) -> int:
        return self.layers * sum(a * b for a, b in self.linears().values())

    @property
    def parameters(self) -> int:
        """All of them: linears, embedding, and norms (four of a layer's width, two of a head's, one at the end)."""
        norms = self.layers * (4 * self.hidden + 2 * self.head_dim) + self.hidden
        return self.linear_parameters + self.vocab * self.hidden + norms

    def lora_parameters(self, rank: int, targets: tuple[str, ...] | None = None) -> int:
        """Of an adapter on ``targets`` (all seven if none are named): rank * (in + out) for each."""
        sizes = self.linears()
        return self.layers * rank * sum(sum(sizes[name]) for name in targets or sizes)


GEMMA3_1B = Shape(1152, 26, 4, 4, 1, 256, 6912, 262_144, 512)
KNOWN = dict.fromkeys(("google/gemma-3-1b-it", "google/gemma-3-1b-pt", "unsloth/gemma-3-1b-it"), GEMMA3_1B)


def shape_of(model: str) -> Shape:
    """The shape of a preset's model: known, or from its folder's config. Nothing is downloaded.

    Raises ``SettingError`` for any other model.
    """
    from course_lib.models import TINY

    if model in KNOWN:
        return KNOWN[model]
    folder = TINY if model == "tiny" else Path(model)
    if not (folder / "config.json").is_file():
        raise SettingError(f"the shape of {model} is not known here: give shape=, or a folder with its config")
    from transformers import AutoConfig

    c = AutoConfig.from_pretrained(folder)
    if c.model_type != "gemma3_text":
        raise SettingError(f"{model} is of type {c.model_type}; memory is worked out for gemma3_text models only")
    attention = c.layer_types.count("full_attention"), c.num_attention_heads, c.num_key_value_heads, c.head_dim
    return Shape(c.hidden_size, c.num_hidden_layers, *attention, c.intermediate_size, c.vocab_size, c.sliding_window)
