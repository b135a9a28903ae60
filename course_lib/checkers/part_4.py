"""Checkers of part 4: the size of a KV cache, a micro-batch whose logits fit, and two models in one."""

from __future__ import annotations

from types import SimpleNamespace

from course_lib.checks import Incorrect, exercise


def _config(layers: str, **changes) -> SimpleNamespace:
    """A config whose layers are given as letters: s for sliding, f for full."""
    kinds = {"s": "sliding_attention", "f": "full_attention"}
    settings = dict(
        num_hidden_layers=len(layers),
        layer_types=[kinds[letter] for letter in layers],
        sliding_window=10,
        num_attention_heads=8,
        num_key_value_heads=1,
        head_dim=3,
        hidden_size=20,
    )
    return SimpleNamespace(**(settings | changes))


@exercise(
    part=4,
    title="How large is the KV cache?",
    difficulty=2,
    minutes=15,
    hints=(
        "For one layer and one remembered token the cache holds a key and a value for every key/value head, "
        "each of head_dim numbers. How many tokens does a full layer remember, how many a sliding one?",
        "Loop over config.layer_types. A sliding layer remembers min(tokens, config.sliding_window) tokens. Sum "
        "the remembered tokens of all layers, then multiply once by 2 * num_key_value_heads * head_dim.",
    ),
)
def cache_numbers(answer):
    # Worked out by hand: one remembered token of one layer is a key and a value of 3 numbers, so 6.
    cases = [
        (_config("f"), 7, 42, "one full layer"),
        (_config("f", num_key_value_heads=2), 7, 84, "one full layer with two key/value heads"),
        (_config("s"), 25, 60, "one sliding layer with a window of 10"),
        (_config("s"), 7, 42, "one sliding layer with a window of 10"),
        (_config("sssssf"), 25, 450, "five sliding layers and a full one"),
        (_config("fs"), 25, 210, "a full layer first, then a sliding one"),
        (_config("ss", sliding_window=4), 25, 48, "two sliding layers with a window of 4"),
    ]
    for config, tokens, wanted, label in cases:
        got = answer(config, tokens)
        if got == wanted:
            continue
        raise Incorrect(f"{label}, {tokens} tokens: {got!r}, should be {wanted}. {_why(config, tokens, got, wanted)}")


def _why(config, tokens: int, got: object, wanted: int) -> str:
    if not isinstance(got, (int, float)):
        return "Return one number."
    if config.num_key_value_heads > 1 and got * config.num_key_value_heads == wanted:
        return "Each key/value head has a key and a value of its own."
    if 2 * got == wanted:
        return "A cache holds keys and values: did you count only one of them?"
    if got == wanted * config.num_attention_heads / config.num_key_value_heads:
        return "Only key/value heads are cached: did you multiply by the query heads?"
    if got in (2 * wanted, 4 * wanted):
        return "Count numbers, not bytes."
    if got == wanted * (config.hidden_size // config.num_attention_heads) / config.head_dim:
        return "In Gemma 3 a head's size is not hidden_size // num_attention_heads: take config.head_dim."
    sliding = config.layer_types.count("sliding_attention")
    token = 2 * config.num_key_value_heads * config.head_dim  # of one layer
    if sliding and tokens >= config.sliding_window and got == wanted - token * sliding:
        return "Count the whole window here: sliding_window tokens, the newest among them."
    if got > wanted and sliding and tokens < config.sliding_window:
        return "A window that is not full yet holds only the tokens that there are."
    if got > wanted and sliding:
        return "A sliding layer forgets: it remembers no more tokens than its window."
    if len(set(config.layer_types)) == 2:
        return "Ask config.layer_types about each layer: which kind is it?"
    return "Per remembered token and layer: 2 * num_key_value_heads * head_dim numbers."


@exercise(
    part=4,
    title="How many completions fit into a micro-batch?",
    difficulty=2,
    minutes=10,
    hints=(
        "How many bytes do the logits of one completion take: positions, numbers a position, bytes a number? The "
        "gradient takes as many again.",
        "One completion takes 2 * 4 * (completion_tokens + 1) * vocab_size bytes. Divide the free bytes by that and "
        "round down: // does both.",
    ),
)
def largest_batch(answer):
    # Worked out by hand: 9 tokens are 10 positions; of 25 numbers with 4 bytes that is 1,000 bytes, and 2,000 with
    # the gradient.
    cases = [(20_000, 9, 25, 10), (19_999, 9, 25, 9), (1_999, 9, 25, 0), (2_000, 9, 25, 1), (60_000, 99, 50, 1)]
    for free, tokens, vocab, wanted in cases:
        got = answer(free, tokens, vocab)
        if type(got) is int and got == wanted:
            continue
        told = f"{free:,} bytes, {tokens} tokens, vocabulary {vocab}: {got!r}, should be {wanted}. "
        raise Incorrect(told + _why_not(free, tokens, vocab, got, wanted))


def _why_not(free: int, tokens: int, vocab: int, got: object, wanted: int) -> str:
    if not isinstance(got, (int, float)):
        return "Return one number."
    if wanted == 0:
        return "Where not even one completion fits, return 0."
    if got == free // (4 * (tokens + 1) * vocab):
        return "The gradient of the logits needs as much again: did you count it?"
    if got == free // (2 * (tokens + 1) * vocab):
        return "A float32 number takes 4 bytes: did you count numbers, or 2 bytes each?"
    if got == free // (8 * tokens * vocab):
        return "Logits are computed at one position more than the completion has tokens."
    if got == wanted + 1:
        return "Round down: a completion fits or it does not."
    if int(got) == wanted:
        return "Return a whole number (an int), rounded down."
    return "One completion takes 2 * 4 * (completion_tokens + 1) * vocab_size bytes."


def _models():
    """(policy with a PEFT adapter, the base model alone, the policy merged), small and random."""
    import copy

    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, query_pre_attn_scalar=16, sliding_window=16, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(4)
        base = Gemma3ForCausalLM(config).eval()
        for parameter in base.parameters():
            parameter.data.normal_(0, 0.3)
        policy = get_peft_model(copy.deepcopy(base), LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
        for name, parameter in policy.named_parameters():
            if "lora_B" in name:
                parameter.data.normal_(0, 0.5)
    return policy.eval(), base, copy.deepcopy(policy).merge_and_unload()


def _expected(model, ids):
    """Log-probabilities of the tokens after the first, by way of the cross-entropy."""
    import torch

    with torch.no_grad():
        logits = model(input_ids=ids).logits
    return -torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")


@exercise(
    part=4,
    title="Policy and reference from one model",
    difficulty=3,
    minutes=15,
    hints=(
        "The logits at position t are scores for the token at position t + 1. Which logits have nothing to "
        "predict, and which token is never predicted? And what does model.disable_adapter() do in a with statement?",
        "log_softmax over the last dimension of logits[:, :-1], then gather(-1, ids[:, 1:].unsqueeze(-1)) and drop "
        "the last dimension. Twice: once as it is, with gradients, and once inside torch.no_grad() and "
        "model.disable_adapter().",
    ),
)
def policy_and_reference(answer):
    import torch

    model, base, merged = _models()
    ids = torch.tensor([[2, 17, 5, 40, 33, 9], [2, 8, 8, 61, 12, 30]])
    policy, reference = answer(model, ids)
    wanted_policy, wanted_reference = _expected(merged, ids), _expected(base, ids)

    def same(one, two):
        return one.shape == two.shape and torch.allclose(one, two, atol=1e-4)

    for name, got in (("policy", policy), ("reference", reference)):
        if not isinstance(got, torch.Tensor) or got.shape != wanted_policy.shape:
            raise Incorrect(
                f"{name}: shape {tuple(getattr(got, 'shape', ()))} for ids of shape (2, 6), should be (2, 5): "
                "every token but the first has one log-probability"
            )
    if same(policy, wanted_reference) and same(reference, wanted_policy):
        raise Incorrect("policy and reference are swapped: the policy is the model with its adapter on")
    if same(policy, wanted_policy) and same(reference, wanted_policy):
        raise Incorrect("the reference equals the policy: was the adapter still on when you computed it?")
    if same(policy, wanted_reference):
        raise Incorrect("the policy equals the base model: was the adapter off when you computed it?")
    if same(policy, wanted_policy.exp()):
        raise Incorrect("these are probabilities; take their logarithm (log_softmax)")
    if not same(policy, wanted_policy):
        raise Incorrect(
            "the policy's log-probabilities are wrong: the logits at position t belong to the token at t + 1. "
            "Do you drop the last logits and the first token, and normalise over the vocabulary (dim=-1)?"
        )
    if not same(reference, wanted_reference):
        raise Incorrect("the policy is right but the reference is not; compute both in the same way")
    if not policy.requires_grad:
        raise Incorrect("the policy has no gradient, so nothing could be learned: no_grad is for the reference only")
    with torch.no_grad():
        if not torch.equal(model(input_ids=ids).logits, _fresh_logits(ids)):
            raise Incorrect("the adapter is still off after your function: use it as `with model.disable_adapter():`")


def _fresh_logits(ids):
    return _models()[0](input_ids=ids).logits
