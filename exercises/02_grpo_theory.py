# ---
# jupyter:
#   # Generated from solutions/02_grpo_theory.py by tools/build_notebooks.py: do not edit.
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
# # 2. GRPO theory: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/exercises/02_grpo_theory.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/exercises/02_grpo_theory.ipynb)

# %% [markdown]
# Two exercises on chapter 2. Write your code where the cell says so and run the cell: its last line checks the
# answer and names the likely mistake. `part_2.batch_advantages.hint()` gives a first hint, `.hint(2)` a second.
#
# **Needs**: chapter 2. Nothing is trained and nothing is downloaded.

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
import pandas as pd
import torch
from IPython.display import display

from course_lib.checkers import part_2

torch.manual_seed(seed)
print(f"PyTorch {torch.__version__}")


# %% [markdown]
# ## Exercise 1: advantages for a whole batch
#
# *Difficulty 2 of 5 · 10 minutes · why it matters: `scale_rewards` is one of the few settings of GRPO that change
# what is learned, and reading its three values is easier once you have written them.*
#
# Chapter 2 divides by the standard deviation of each group. TRL's `scale_rewards` knows three ways:
#
# - `"group"`: divide by the standard deviation of the group, plus 0.0001;
# - `"batch"`: divide by the standard deviation of **all** rewards in the batch, plus 0.0001;
# - `"none"`: do not divide.
#
# All three subtract the mean of the group, and standard deviations have `ddof=1`. Write them.

# %% tags=["exercise"]
def batch_advantages(rewards, group_size, scale):
    """Advantages of all completions of a batch.

    rewards: a list of numbers, group after group; scale: "group", "batch" or "none".
    Returns as many numbers in the same order (a list or a tensor with one dimension).
    """
    # Write your code here
    raise NotImplementedError("Exercise: write batch_advantages")


part_2.batch_advantages.check(batch_advantages)


# %% [markdown]
# ## Exercise 2: one ratio for the whole completion
#
# *Difficulty 3 of 5 · 15 minutes · why it matters: the reward judges the whole completion, but the ratio of
# chapter 2 is taken token by token. GSPO (2025) uses one ratio per completion; in TRL it is
# `importance_sampling_level="sequence"`.*
#
# The ratio of a completion with tokens $1 \dots T$ is the exponential of the **average** log-ratio of its real
# tokens:
#
# $$s = \exp\Big(\frac{1}{T} \sum_{t=1}^{T} (\log \pi_\theta(o_t) - \log \pi_{\text{old}}(o_t))\Big)$$
#
# The rest is as in chapter 2, once per completion: clip $s$ to the interval from 1 − ε to 1 + ε, take the smaller
# of the two products with the advantage, turn the sign. The loss is the mean over the completions.

# %% tags=["exercise"]
def sequence_loss(logps, old_logps, advantages, mask, epsilon):
    """The GSPO loss. Shapes: logps, old_logps, mask (B, C); advantages (B,); returns a tensor with one number.

    mask is 1 for a real token of the completion and 0 for padding.
    """
    # Write your code here
    raise NotImplementedError("Exercise: write sequence_loss")


part_2.sequence_loss.check(sequence_loss)
