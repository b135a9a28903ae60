"""Whether a setting fits, said before anything is loaded: the peak of memory, worked out from shapes.

GRPO with LoRA goes through *moments*; each needs a sum of *parts*, and the largest sum is the peak:

- prefill, decode: a whole step's completions are generated at once (``completions_per_step``, not ``batch_size``);
- reference: log-probabilities of the base model, one micro-batch after the other (only with ``beta`` above 0);
- loss: the forward pass, and the backward pass through the logits;
- backward: through the layers, the logits being gone.

The optimiser's step is no moment of its own: nothing but weights, gradients and averages is left by then. The terms
were read off the sources of transformers 5.17, PEFT 0.21 and TRL 1.14.2; those for a CPU were compared with measured
peaks (``recorded/memory.json``). Nothing was measured on a GPU. Unsloth's own savings are not modelled.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from course_lib.errors import SettingError
from course_lib.presets import Preset
from course_lib.shapes import Shape, shape_of

PARTS = ("runtime", "weights", "LoRA", "KV cache", "activations", "logits")
# What Python, torch and the other libraries take before a model is there. CPU: measured. CUDA: assumed (context,
# kernels, cuBLAS workspaces, and what torch's allocator holds in blocks that do not fit).
RUNTIME = {"cpu": 500_000_000, "cuda": 1_000_000_000}
T4_BYTES = int(14.7 * 2**30)  # what torch can use of a T4's 16 GB
ENTROPY_ROWS = 128  # trl.trainer.utils.entropy_from_logits works through the logits in chunks of so many rows


@dataclass(frozen=True)
class Estimate:
    """Bytes by moment and part."""

    moments: dict[str, dict[str, int]]

    @property
    def peak(self) -> str:
        """The moment that needs most."""
        return max(self.moments, key=lambda name: sum(self.moments[name].values()))

    @property
    def parts(self) -> dict[str, int]:
        """The parts of the peak."""
        return self.moments[self.peak]

    @property
    def total(self) -> int:
        return sum(self.parts.values())


def estimate(
    preset: Preset, shape: Shape | None = None, device: str | None = None, prompt_tokens: int | None = None
) -> Estimate:
    """The memory of training with a preset through transformers, PEFT and TRL: bytes by moment and part.

    ``shape``: of the preset's model unless given. ``device``: ``"cpu"`` or ``"cuda"``; by default a CPU for the tiny
    model and a GPU for others. Sequences count at full length (``max_completion_length``, and ``max_prompt_length``
    unless ``prompt_tokens`` is given), for that is what a batch is padded to if one completion gets so far.
    """
    s = shape or shape_of(preset.model)
    device = device or _device(preset)
    if device not in RUNTIME:
        raise SettingError(f"device {device!r}: choose one of {', '.join(RUNTIME)}")
    width = 2 if preset.dtype == "bfloat16" else 4
    every, batch, prompt = preset.completions_per_step, preset.batch_size, prompt_tokens or preset.max_prompt_length
    tokens = prompt + preset.max_completion_length
    block = 4 * batch * (preset.max_completion_length + 1) * s.vocab  # one micro-batch's logits, in float32

    # Without gradients, one layer's MLP decides: LoRA's sum holds three copies beside the gate's. Per token:
    passing = (4 * s.ffn + 3 * s.hidden) * width
    # While one layer decodes: its cache anew with the next token, and repeated for every query head.
    repeated = every * tokens * 2 * (s.kv + (s.q if s.heads > s.kv_heads else 0)) * width
    # While a token is drawn: scores, their float32 copy, probabilities, random numbers.
    drawing = 4 * 4 * every * s.vocab
    layer = _saved(s, preset.lora_rank, batch, tokens, width)
    flowing = batch * tokens * (2 * s.ffn + 3 * s.hidden) * width  # gradients inside one layer
    if preset.gradient_checkpointing:  # keeps each layer's input, and computes one layer after the other again
        kept, again = s.layers * batch * tokens * s.hidden * width, layer
    else:
        kept, again = s.layers * layer, 0
    before = block if preset.accumulation > 1 else 0  # TRL lets go of these logits after the next forward pass
    through = {"activations": batch * tokens * passing, "logits": before}
    scored = {"logits": before + block + _scoring(preset, block, device)}
    moments = {
        "prefill": {"KV cache": _cache(s, every, prompt, width), "activations": every * prompt * passing},
        "decode": {"KV cache": _cache(s, every, tokens, width), "activations": repeated, "logits": drawing},
        "reference": max(through, scored, key=lambda parts: sum(parts.values())),
        "loss": {"activations": kept, "logits": block + _loss(preset, block, s.vocab, device)},
        "backward": {"activations": kept + again + flowing},
    }
    if not (preset.beta or preset.vllm):
        del moments["reference"]
    adapter, gradients = _lora(preset, s)
    for name, parts in moments.items():
        trained = adapter + (gradients if name in ("loss", "backward") else 0)
        moments[name] = {"runtime": RUNTIME[device], "weights": _weights(preset, s, width), "LoRA": trained} | parts
    return Estimate(moments)


def _device(preset: Preset) -> str:
    return "cpu" if preset.model == "tiny" else "cuda"


def _weights(preset: Preset, s: Shape, width: int) -> int:
    """In 4 bits (NF4): half a byte, a byte for every 64, 4 bytes for every 64 * 256; one matrix opened for its use."""
    if not preset.load_in_4bit:
        return width * s.parameters
    packed = s.linear_parameters * (0.5 + 1 / 64 + 4 / (64 * 256))
    return int(packed) + width * (s.parameters - s.linear_parameters + s.hidden * s.ffn)


def _lora(preset: Preset, s: Shape) -> tuple[int, int]:
    """(weights with AdamW's two averages, gradients). PEFT keeps adapters in float32; TRL, over 4 bits, in bfloat16."""
    count, width = s.lora_parameters(preset.lora_rank), 2 if preset.load_in_4bit else 4
    return count * (width + 2 * (1 if "8bit" in preset.optimizer else width)), count * width


def _cache(s: Shape, rows: int, tokens: int, width: int) -> int:
    """Keys and values; transformers' dynamic cache keeps window - 1 tokens in a sliding layer."""
    remembered = s.full * tokens + (s.layers - s.full) * min(tokens, s.window - 1)
    return rows * 2 * s.kv * remembered * width


def _saved(s: Shape, rank: int, rows: int, tokens: int, width: int) -> int:
    """What autograd keeps of one layer with LoRA on its seven linears, in bytes.

    In float32: the inputs of the six norms; the inputs of LoRA's A (queries, keys and values share one, gate and up
    another) and of its B; queries, repeated keys and values, and attention's result; gate, its GELU, up and their
    product; attention's mask. In bfloat16 the norms still compute in float32, and PEFT's cast gives each A a copy.
    """
    norms = 4 * s.hidden + s.q + s.kv + 2 * s.heads + s.kv_heads + 4
    others = 2 * s.hidden + 4 * s.q + 4 * s.ffn + 7 * rank + tokens
    copies = 3 * s.hidden + s.q if width == 2 else 0
    return rows * tokens * (4 * norms + width * (others + copies))


def _scoring(preset: Preset, block: int, device: str) -> int:
    """On top of a micro-batch's logits, while log-probabilities are read from them without gradients."""
    if device == "cuda":  # TRL's Triton kernel copies nothing; accelerate turns bfloat16 logits into float32 ones
        return block // 2 if preset.dtype == "bfloat16" else 0
    return block // preset.batch_size + (block if preset.temperature != 1 else 0)  # a row's exponentials


def _loss(preset: Preset, block: int, vocab: int, device: str) -> int:
    """On top of a micro-batch's logits: the most of log-probabilities, entropy, and the backward pass through both."""
    if device == "cuda":
        return block  # the gradient
    rows, copied = preset.batch_size, preset.batch_size > 1 or preset.temperature != 1
    chunk = 4 * vocab * min(ENTROPY_ROWS, rows * preset.max_completion_length)
    forward = (block if copied else 0) + max(3 * chunk, block // rows)
    backward = 2 * block if rows > 1 else 3 * block  # rows of the gradient and all of them stacked, and gather's
    return max(forward, backward)


def _smaller_batch(preset: Preset) -> dict:
    """The next larger ``accumulation`` that cuts a step into equal micro-batches."""
    every = preset.completions_per_step
    return next(({"accumulation": n} for n in range(preset.accumulation + 1, every + 1) if every % n == 0), {})


def _mend(preset: Preset, moment: str, part: str) -> dict:
    """What to change first about a part of the peak; empty where there is nothing."""
    if part == "weights":
        return {"load_in_4bit": True}
    if part == "LoRA":
        return {"lora_rank": preset.lora_rank // 2}
    if part == "runtime":
        return {}
    if moment in ("prefill", "decode"):  # micro-batches are of no help there
        return {"prompts_per_step": preset.prompts_per_step // 2}
    if part == "activations" and not preset.gradient_checkpointing:
        return {"gradient_checkpointing": True}
    return _smaller_batch(preset) or {"max_completion_length": preset.max_completion_length // 2}


def fits(
    preset: Preset, available_bytes: int, shape: Shape | None = None, device: str | None = None
) -> tuple[bool, str]:
    """Whether the estimated peak fits, and a sentence: how large it is, and if it does not fit, what to change first.

    That is what lowers the peak through its largest part, or through the next largest where there is no way.
    """
    shape, device = shape or shape_of(preset.model), device or _device(preset)
    found = estimate(preset, shape, device)
    said = f"{preset.name} takes about {found.total / 1e9:.1f} GB"
    if found.total <= available_bytes:
        return True, f"{said} of {available_bytes / 1e9:.1f} GB."
    said += f", more than the {available_bytes / 1e9:.1f} GB that there are"
    for part in sorted(found.parts, key=lambda name: -found.parts[name]):
        change = _mend(preset, found.peak, part)
        if not change or (part == "weights" and device == "cpu"):  # 4 bits need CUDA
            continue
        try:
            after = estimate(replace(preset, **change), shape, device).total
        except SettingError:  # a step that cannot be cut so, or nothing left to halve
            continue
        if after < found.total:
            (field, value), size = next(iter(change.items())), found.parts[part] / 1e9
            return False, (
                f"{said}: the {part} of the moment {found.peak!r} take {size:.1f} GB. "
                f"First set {field} to {value}; then it is {after / 1e9:.1f} GB."
            )
    return False, f"{said}, and nothing in the preset would lower that: take a smaller model."


def peak_memory_gb() -> float | None:
    """The most memory that this process has held so far, in GB (10^9 bytes); ``None`` where it is not told."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 2)


def memory_now() -> dict[str, float | None]:
    """In GB: what this process holds, the most that it has held, and both for the GPU's tensors where there is one."""
    import psutil
    import torch

    told = {"process, now": round(psutil.Process().memory_info().rss / 1e9, 2), "process, peak": peak_memory_gb()}
    if torch.cuda.is_available():
        told["GPU, now"] = round(torch.cuda.memory_allocated() / 1e9, 2)
        told["GPU, peak"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return told
