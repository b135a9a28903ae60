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
# # 2. GRPO theory: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/solutions/02_grpo_theory.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/solutions/02_grpo_theory.ipynb)

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
    # begin solution
    grouped = torch.tensor(rewards).view(-1, group_size)
    centred = grouped - grouped.mean(dim=1, keepdim=True)
    if scale == "group":
        centred = centred / (grouped.std(dim=1, keepdim=True) + 1e-4)
    elif scale == "batch":
        centred = centred / (grouped.std() + 1e-4)
    return centred.flatten()
    # end solution


part_2.batch_advantages.check(batch_advantages)

# %% [markdown] tags=["solution"]
# What the answer leads to: three groups of four. In the first the completions really differ; in the second only
# by one hundredth, say because of a small bonus for length; in the third only one is right.

# %% tags=["solution"]
batch = {"differ": [1.5, 0.5, 1.0, 0.0], "hardly differ": [1.5, 1.51, 1.5, 1.5], "are 0 but one": [0.0, 0.0, 1.5, 0.0]}
flat = [reward for group in batch.values() for reward in group]
table = pd.DataFrame({"a group whose rewards": [name for name in batch for _ in range(4)], "reward": flat})
for scale in ("group", "batch", "none"):
    table[scale] = batch_advantages(flat, 4, scale).tolist()
display(table.round(3))

# %% [markdown] tags=["solution"]
# - `"group"` blows the hundredth in the second group up to the size of a right answer: the step that it takes is
#   as large as that of the group in which something was at stake. This is the known bias of GRPO towards groups
#   with a small spread, that is, towards problems that are nearly always or nearly never solved.
# - `"batch"` keeps the proportions between groups and still fixes the size of the step.
# - `"none"` (the choice of Dr. GRPO) keeps the proportions as well, but now the learning rate has to fit the
#   scale of the rewards: doubling all weights doubles the step.
#
# With rewards of a few fixed values, as in this course, a group's spread is never tiny unless it is 0, and
# `"group"` does well. With a continuous reward, prefer `"batch"`.

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
    # begin solution
    log_ratio = ((logps - old_logps) * mask).sum(dim=1) / mask.sum(dim=1)
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    return -torch.minimum(ratio * advantages, clipped * advantages).mean()
    # end solution


part_2.sequence_loss.check(sequence_loss)

# %% [markdown] tags=["solution"]
# What the answer leads to: a completion of 40 tokens with advantage +1, in which a single token has become three
# times as likely as before, and the others are unchanged. Where does the gradient go?

# %% tags=["solution"]
old = torch.full((1, 40), -1.0)
new = old.clone()
new[0, 0] += torch.tensor(3.0).log()
mask, advantage = torch.ones(1, 40), torch.ones(1)
for epsilon in (0.2, 0.01):
    logps = new.clone().requires_grad_()
    sequence_loss(logps, old, advantage, mask, epsilon).backward()
    ratio = (new - old).mean().exp()
    print(f"epsilon {epsilon}: ratio {ratio:.3f}, gradient of the changed token {logps.grad[0, 0]:.4f}, "
          f"of another {logps.grad[0, 1]:.4f}")  # fmt: skip

# %% [markdown] tags=["solution"]
# - Token by token, with ε = 0.2, the changed token is clipped and the 39 others are still pushed up.
# - With one ratio per completion, the factor 3 nearly drowns in the average: the ratio is about 1.03, nothing is
#   clipped, and **all** tokens, the changed one too, are pushed on.
# - With a small ε, the whole completion stops at once: all gradients are 0. The two settings belong together. The
#   GSPO paper clips at some ten-thousandths; moving only `importance_sampling_level` and leaving ε at 0.2
#   switches clipping off in practice.
# - When the policy that writes is the one that learns (this course's setting), both kinds of ratio are 1 and the
#   difference vanishes from the ratio; what is left is that every completion counts once, as with
#   `loss_type="grpo"`.
