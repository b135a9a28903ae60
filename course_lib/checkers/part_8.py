"""Checks of part 8: comparing token sequences, extracting an adapter, converting weights for llama.cpp."""

from __future__ import annotations

from course_lib.checks import Incorrect, exercise

PAIRS = [
    ([5, 6, 7], [5, 6, 7], None),
    ([], [], None),
    ([5, 6, 7], [5, 9, 7], 1),
    ([4, 6, 7], [5, 6, 7], 0),
    ([5, 6, 7], [9, 6, 9], 0),
    ([5, 6], [5, 6, 106], 2),
    ([5, 6, 106], [5, 6], 2),
    ([], [5], 0),
]


@exercise(
    part=8,
    title="Where do they part?",
    difficulty=1,
    minutes=5,
    hints=(
        "Walk over the positions of both sequences at once. What if one of them is longer?",
        "itertools.zip_longest, or a loop to the larger of the two lengths, sees the end of the shorter one.",
    ),
)
def first_difference(answer) -> None:
    for one, other, wanted in PAIRS:
        got = answer(list(one), list(other))
        if got == wanted and type(got) is type(wanted):
            continue
        said = f"first_difference({one}, {other}) gave {got}, {wanted} is right"
        if len(one) != len(other):
            raise Incorrect(f"{said}: one is the beginning of the other, they differ where it has ended")
        if wanted == 0 and got is None:
            raise Incorrect(f"{said}: position 0 is a difference too; do not test it for truth")
        if wanted is None:
            raise Incorrect(f"{said}: the two are the same")
        raise Incorrect(f"{said}: positions count from 0, and the first difference is asked for")


@exercise(
    part=8,
    title="Extract an adapter",
    difficulty=4,
    minutes=15,
    hints=(
        "Decompose the change, after - before. Keep the first `rank` columns of U, values of S and rows of Vh.",
        "S has to go into one of the two factors, or its square root into both.",
    ),
)
def extract_adapter(answer) -> None:
    import torch

    draw = torch.Generator().manual_seed(8)
    before = torch.randn(12, 10, generator=draw)
    change = torch.randn(12, 3, generator=draw) @ torch.randn(3, 10, generator=draw)
    values = torch.linalg.svdvals(change)
    for rank in (3, 1, 2):
        given, after = before.clone(), before + change
        got = answer(given, after, rank)
        if not (torch.equal(given, before) and torch.equal(after, before + change)):
            raise Incorrect("the weights that were handed in have changed: make new tensors (no -= on them)")
        if not isinstance(got, tuple | list) or len(got) != 2 or not all(map(torch.is_tensor, got)):
            raise Incorrect("return two tensors: A and B")
        a, b = got
        if tuple(a.shape) != (rank, 10) or tuple(b.shape) != (12, rank):
            raise Incorrect(
                f"for a weight of shape (12, 10) and rank {rank}, A should be ({rank}, 10) and B (12, {rank}), "
                f"not {tuple(a.shape)} and {tuple(b.shape)}; A comes first"
            )
        missing = (change - b @ a).norm().item()
        best = values[rank:].norm().item()
        if missing <= best + 1e-3:
            continue
        if (change + b @ a).norm().item() <= best + 1e-3:
            raise Incorrect("B @ A is the change with the wrong sign: the change is after - before")
        whole = torch.linalg.svdvals(before + change)
        if abs((before + change - b @ a).norm().item() - whole[rank:].norm().item()) < 1e-3:
            raise Incorrect("B @ A approximates the merged weight itself: decompose the change, after - before")
        raise Incorrect(
            f"with rank {rank}, B @ A misses {missing:.2f} of the change where {best:.2f} is possible; do the largest "
            "singular values come in, each once?"
        )


@exercise(
    part=8,
    title="Convert a weight for llama.cpp",
    difficulty=2,
    minutes=10,
    hints=(
        "Three kinds of names: lm_head.weight, those that end in norm.weight, the rest.",
        "`weight + 1` makes a new tensor, `weight += 1` changes the model's own. `.half()` is float16.",
    ),
)
def convert_weight(answer) -> None:
    import torch

    names = {
        "model.layers.0.self_attn.q_proj.weight": (4, 3),
        "model.embed_tokens.weight": (6, 4),
        "model.norm.weight": (4,),
        "model.layers.0.input_layernorm.weight": (4,),
        "model.layers.5.self_attn.q_norm.weight": (3,),
    }
    draw = torch.Generator().manual_seed(8)
    for name, shape in names.items():
        weight = torch.randn(shape, generator=draw)
        given, norm = weight.clone(), name.endswith("norm.weight")
        got = answer(name, given)
        if not torch.is_tensor(got):
            raise Incorrect(f"for {name} return a tensor")
        if not torch.equal(given, weight):
            raise Incorrect(f"{name} itself has changed: the model in memory would be broken; make a new tensor")
        kind = torch.float32 if norm else torch.float16
        if got.dtype != kind:
            raise Incorrect(f"{name} came out as {got.dtype}, not {kind}: matrices go to float16, norms stay float32")
        if norm and torch.equal(got, weight):
            raise Incorrect(f"{name} is unchanged: Gemma multiplies by 1 + w, llama.cpp by w alone")
        if not torch.equal(got, (weight + norm).to(kind)):
            raise Incorrect(
                f"{name} has other values than it should: 1 is added to norms (in float32, before any rounding), "
                "nothing to matrices"
            )
    if answer("lm_head.weight", torch.zeros(6, 4)) is not None:
        raise Incorrect("lm_head.weight is the embedding again: return None, the file holds it once")
