# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4. Model and LoRA: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/solutions/04_model_and_lora.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/solutions/04_model_and_lora.ipynb)

# %% [markdown]
# Three exercises on chapter 4. Replace each `raise NotImplementedError(...)` and run the cell; its last
# line says whether the answer is right. For help: `part_4.cache_numbers.hint()`, then
# `part_4.cache_numbers.hint(2)`.

# %% tags=["parameters"]
preset = "auto"
seed = 0

# %% tags=["bootstrap"]
# Colab, Kaggle: this installs the course (on Kaggle, switch on Internet first). Where it is installed, nothing happens.
import importlib.util, os, subprocess, sys

if not importlib.util.find_spec("course_lib"):
    source = os.environ.get("COURSE_SOURCE", "git+https://github.com/OWNER/REPOSITORY@main")
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "--no-deps", source])
importlib.import_module("course_lib.bootstrap").ensure(preset)

# %%
import torch

from course_lib.checkers import part_4
from course_lib.presets import get_preset

settings = get_preset(preset)
torch.manual_seed(seed)

# %% [markdown]
# ## Exercise 1: how large is the KV cache?
#
# **Difficulty** 2 of 5 · **15 minutes** · **Why it matters:** during generation the model keeps the key
# and the value of past tokens, so that it need not compute them again. GRPO generates whole groups at
# once, each completion with its own cache. On a small GPU this decides how many completions fit.
#
# Write `cache_numbers(config, tokens)`: how many numbers the cache of **one** completion holds after
# `tokens` tokens. Each layer keeps, for every remembered token and each key/value head, one key and one
# value of `head_dim` numbers. A full layer remembers all tokens, a sliding layer the last
# `sliding_window` of them (transformers stores one fewer; count the whole window here).
#
# Use `config.layer_types` (a list of `"sliding_attention"` and `"full_attention"`),
# `config.sliding_window`, `config.num_key_value_heads` and `config.head_dim`.


# %% tags=["exercise"]
def cache_numbers(config, tokens):
    """How many numbers the KV cache of one completion holds after so many tokens."""
    # begin solution
    kept = {"sliding_attention": min(tokens, config.sliding_window), "full_attention": tokens}
    remembered = sum(kept[kind] for kind in config.layer_types)
    return 2 * config.num_key_value_heads * config.head_dim * remembered
    # end solution


part_4.cache_numbers.check(cache_numbers)

# %% tags=["solution"]
from transformers import Gemma3TextConfig

one_b = Gemma3TextConfig(
    num_hidden_layers=26, num_attention_heads=4, num_key_value_heads=1, head_dim=256, sliding_window=512
)
all_full = Gemma3TextConfig(**(one_b.to_dict() | {"layer_types": ["full_attention"] * 26}))
for tokens in (512, 1024, 4096, 32768):
    sizes = [2 * cache_numbers(config, tokens) / 1e6 for config in (one_b, all_full)]  # 2 bytes a number
    print(f"{tokens:6,} tokens: {sizes[0]:6.1f} MB as it is, {sizes[1]:6.1f} MB if every layer were full")

# %% [markdown] tags=["solution"]
# **What it leads to.** Up to 512 tokens the sliding window saves nothing: everything fits into it. At
# 1,024 tokens, a usual length in GRPO, Gemma 3 1B needs 15.7 MB a completion in bfloat16 instead of
# 27.3; 64 completions at once make 1.0 GB instead of 1.7. At the full context of 32,768 tokens it is
# 146 MB instead of 872, a sixth: then only the four full layers count. The single key/value head saves
# a factor of four on top.

# %% [markdown]
# ## Exercise 2: how many completions fit into a micro-batch?
#
# **Difficulty** 2 of 5 · **10 minutes** · **Why it matters:** with Gemma 3's vocabulary the logits are the peak of
# memory, and "CUDA out of memory" comes in the loss. This sum says what to set before it comes.
#
# Write `largest_batch(free_bytes, completion_tokens, vocab_size)`: how many completions a micro-batch may
# have so that its logits **and their gradient** fit into `free_bytes`. For each completion the trainer computes
# logits at `completion_tokens + 1` positions (the last one is thrown away), one float32 number (4 bytes) for
# each token of the vocabulary. The gradient has the size of the logits. Return a whole number; 0 if not
# even one completion fits.


# %% tags=["exercise"]
def largest_batch(free_bytes, completion_tokens, vocab_size):
    """How many completions a micro-batch may have, so that logits and their gradient fit."""
    # begin solution
    logits = 4 * (completion_tokens + 1) * vocab_size
    return int(free_bytes // (2 * logits))
    # end solution


part_4.largest_batch.check(largest_batch)

# %% tags=["solution"]
from course_lib.memory import T4_BYTES, estimate

t4 = get_preset("t4")
parts = estimate(t4).parts
free = T4_BYTES - sum(parts.values()) + parts["logits"]
print(f"a T4 has {free / 1e9:.1f} GB left for logits with the preset t4, micro-batches of {t4.batch_size}")
for tokens in (256, 384, 512, 1024, 2048):
    print(
        f"completions of {tokens:5,} tokens: at most {largest_batch(free, tokens, one_b.vocab_size)} in a micro-batch"
    )

# %% [markdown] tags=["solution"]
# **What it leads to.** Only the product counts: twice the length, half the micro-batch. `accumulation` pays for
# it: more micro-batches to a step, each smaller, and the same gradient in the end. So an out-of-memory error
# is no reason to train on fewer completions. (The free memory is taken as fixed here; activations grow with
# length and batch, too, which is what the estimator adds.)

# %% [markdown]
# ## Exercise 3: policy and reference from one model
#
# **Difficulty** 3 of 5 · **15 minutes** · **Why it matters:** the KL penalty compares the policy's
# log-probabilities with those of the reference model. With LoRA both come from the same model. A slip
# here gives no error, only a KL that is always zero, or a policy that never learns.
#
# `model` is a PEFT model, `ids` a batch of token ids of shape (batch, n). Return two tensors of shape
# (batch, n − 1): the log-probability of each token but the first, given the tokens before it, under the
# **policy** (adapter on, with gradient) and under the **reference model** (adapter off, without
# gradient).


# %% tags=["exercise"]
def policy_and_reference(model, ids):
    """Log-probabilities of the tokens ids[:, 1:] under the policy and under the reference model."""

    # begin solution
    def token_logps():
        logits = model(input_ids=ids).logits[:, :-1]
        return logits.log_softmax(-1).gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)

    policy = token_logps()
    with torch.no_grad(), model.disable_adapter():
        reference = token_logps()
    return policy, reference
    # end solution


part_4.policy_and_reference.check(policy_and_reference)

# %% tags=["solution"]
from peft import get_peft_model

from course_lib.models import load_model, load_tokenizer, lora_config
from course_lib.rollouts import ROLLOUTS

model, tokenizer = get_peft_model(load_model(settings.model), lora_config(settings)), load_tokenizer(settings.model)
ids = tokenizer(ROLLOUTS["reasons, right"], return_tensors="pt", add_special_tokens=False).input_ids
for size in (0.0, 0.005, 0.02):
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=size)
    policy, reference = policy_and_reference(model, ids)
    k3 = (reference - policy).exp() - (reference - policy) - 1
    print(f"random B of size {size}: mean KL (k3) {k3.mean().item():.4f}, smallest {k3.min().item():.1e}")

# %% [markdown] tags=["solution"]
# **What it leads to.** With $B = 0$ policy and reference are the same model and the KL is zero for
# every token. It grows as the adapter moves, and the k3 form, rounding aside, is never below zero,
# token by token. If your KL stays at zero during training although the reward moves, the adapter was on
# in both passes. If the reward does not move at all, look for a `no_grad` around the policy. (The one around the
# reference changes no value here, as the base weights are frozen; it says what is meant, and saves memory.)
