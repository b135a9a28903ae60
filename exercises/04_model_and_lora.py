# ---
# jupyter:
#   # Generated from solutions/04_model_and_lora.py by tools/build_notebooks.py: do not edit.
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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/exercises/04_model_and_lora.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/exercises/04_model_and_lora.ipynb)

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
    # Write your code here
    raise NotImplementedError("Exercise: write cache_numbers")


part_4.cache_numbers.check(cache_numbers)


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
    # Write your code here
    raise NotImplementedError("Exercise: write largest_batch")


part_4.largest_batch.check(largest_batch)


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

    # Write your code here
    raise NotImplementedError("Exercise: write policy_and_reference")


part_4.policy_and_reference.check(policy_and_reference)
