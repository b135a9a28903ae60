"""Wrong answers to the exercises of part 4."""

from __future__ import annotations

import torch


def remembered(config, tokens):
    return [min(tokens, config.sliding_window) if k == "sliding_attention" else tokens for k in config.layer_types]


def keys_only(config, tokens):
    return sum(remembered(config, tokens)) * config.num_key_value_heads * config.head_dim


def query_heads(config, tokens):
    return 2 * sum(remembered(config, tokens)) * config.num_attention_heads * config.head_dim


def one_head(config, tokens):
    return 2 * sum(remembered(config, tokens)) * config.head_dim


def all_full(config, tokens):
    return 2 * tokens * len(config.layer_types) * config.num_key_value_heads * config.head_dim


def window_always_full(config, tokens):
    seen = [config.sliding_window if k == "sliding_attention" else tokens for k in config.layer_types]
    return 2 * sum(seen) * config.num_key_value_heads * config.head_dim


def every_sixth(config, tokens):
    layers = range(1, len(config.layer_types) + 1)
    if len(layers) == 1:
        return 2 * sum(remembered(config, tokens)) * config.num_key_value_heads * config.head_dim
    seen = [tokens if i % 6 == 0 else min(tokens, config.sliding_window) for i in layers]
    return 2 * sum(seen) * config.num_key_value_heads * config.head_dim


def right(config, tokens):
    return 2 * sum(remembered(config, tokens)) * config.num_key_value_heads * config.head_dim


def one_token_fewer(config, tokens):
    """As transformers stores it."""
    window = config.sliding_window - 1
    seen = [min(tokens, window) if k == "sliding_attention" else tokens for k in config.layer_types]
    return 2 * sum(seen) * config.num_key_value_heads * config.head_dim


def heads_of_hidden_size(config, tokens):
    size = config.hidden_size // config.num_attention_heads
    return 2 * sum(remembered(config, tokens)) * config.num_key_value_heads * size


def pick(logits, ids):
    return logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)


def adapter_always_on(model, ids):
    values = pick(model(input_ids=ids).logits, ids)
    return values, values.detach()


def adapter_always_off(model, ids):
    with model.disable_adapter():
        values = pick(model(input_ids=ids).logits, ids)
    return values, values.detach()


def good(model, ids):
    policy = pick(model(input_ids=ids).logits, ids)
    with torch.no_grad(), model.disable_adapter():
        return policy, pick(model(input_ids=ids).logits, ids)


def swapped(model, ids):
    policy, reference = good(model, ids)
    return reference, policy


def not_shifted(model, ids):
    values = model(input_ids=ids).logits.log_softmax(-1).gather(-1, ids[:, :, None]).squeeze(-1)
    return values, values.detach()


def shifted_the_wrong_way(model, ids):
    values = model(input_ids=ids).logits[:, 1:].log_softmax(-1).gather(-1, ids[:, :-1, None]).squeeze(-1)
    return values, values.detach()


def probabilities(model, ids):
    return tuple(values.exp() for values in good(model, ids))


def no_gradient(model, ids):
    with torch.no_grad():
        return good(model, ids)


def left_off(model, ids):
    values = good(model, ids)
    model.base_model.disable_adapter_layers()
    return values


WRONG = {
    "part_4.cache_numbers": [
        ("keys without values", keys_only, "keys and values"),
        ("query heads", query_heads, "query heads"),
        ("one key/value head assumed", one_head, "Each key/value head"),
        ("the window ignored", all_full, "no more tokens than its window"),
        ("a window counted as full at once", window_always_full, "only the tokens that there are"),
        ("every sixth layer assumed to be full", every_sixth, "config.layer_types"),
        ("bytes", lambda config, tokens: 4 * right(config, tokens), "not bytes"),
        ("one token fewer", one_token_fewer, "the whole window"),
        ("hidden_size over heads", heads_of_hidden_size, "take config.head_dim"),
        ("a function that prints", lambda config, tokens: None, "Return one number"),
    ],
    "part_4.largest_batch": [
        ("the gradient forgotten", lambda free, tokens, vocab: free // (4 * (tokens + 1) * vocab), "as much again"),
        ("numbers, not bytes", lambda free, tokens, vocab: free // (2 * (tokens + 1) * vocab), "4 bytes"),
        ("the extra position forgotten", lambda free, tokens, vocab: free // (8 * tokens * vocab), "one position more"),
        ("rounded up", lambda free, tokens, vocab: -(-free // (8 * (tokens + 1) * vocab)), "Round down"),
        ("never 0", lambda free, tokens, vocab: max(1, free // (8 * (tokens + 1) * vocab)), "return 0"),
        ("a fraction", lambda free, tokens, vocab: free / (8 * (tokens + 1) * vocab), "whole number"),
        ("nothing returned", lambda free, tokens, vocab: None, "Return one number"),
    ],
    "part_4.policy_and_reference": [
        ("the adapter never switched off", adapter_always_on, "was the adapter still on"),
        ("the adapter off for both", adapter_always_off, "was the adapter off"),
        ("swapped", swapped, "swapped"),
        ("not shifted", not_shifted, "should be (2, 5)"),
        ("shifted the wrong way", shifted_the_wrong_way, "belong to the token at t + 1"),
        ("probabilities", probabilities, "logarithm"),
        ("no gradient for the policy", no_gradient, "no gradient"),
        ("the adapter left off", left_off, "still off"),
    ],
}
