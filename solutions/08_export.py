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
# # Exercises 8: Export

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/solutions/08_export.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/solutions/08_export.ipynb)

# %% [markdown]
# Two exercises for chapter 8: a tool for finding out where an export goes wrong, and the way back from a merged model
# to an adapter. Each cell ends with its check. `part_8.first_difference.hint()` and `.hint(2)` help.

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

from course_lib.artifacts import Run
from course_lib.checkers import part_8
from course_lib.presets import get_preset

settings = get_preset(preset)
run = Run(settings.name)

# %% [markdown]
# ## Exercise 1: where do they part?
#
# *Difficulty 1 of 5, 5 minutes.* **Why it matters**: "98 % of the completions agree" says that something differs.
# *Where* the first difference is says what: at the first token, suspect the template or the tokenizer; far into the
# text, suspect rounding.
#
# Write `first_difference`. It takes two sequences of token ids and returns the position (from 0) of the first token in
# which they differ, or `None` if they are the same. If one is the beginning of the other, they differ at the position
# where the shorter one has ended.


# %% tags=["exercise"]
def first_difference(one, other):
    """The first position at which two token sequences differ, None if they are the same."""
    # begin solution
    for i in range(max(len(one), len(other))):
        if i >= len(one) or i >= len(other) or one[i] != other[i]:
            return i
    return None
    # end solution


part_8.first_difference.check(first_difference)

# %% [markdown] tags=["solution"]
# **What it leads to.** `zip` alone stops at the shorter sequence and calls "12" and "12 apples" the same. That very
# mistake hides the commonest fault of an export: the end-of-turn token that is missing, so that one model stops
# and the other talks on.

# %% [markdown]
# ## Exercise 2: from a merged model back to an adapter
#
# *Difficulty 4 of 5, 15 minutes.* **Why it matters**: someone gives you a fine-tuned model and its base, and you would
# like a small adapter instead of a second full model. And it shows what "rank" means.
#
# Write `extract_adapter`. From the weights of one projection before and after, both of shape (out, in), it returns
# A of shape (rank, in) and B of shape (out, rank), so that B @ A is the **best** approximation of the change. The tool
# is the singular value decomposition: `torch.linalg.svd(change, full_matrices=False)` returns U, S and Vh with
# change = U @ diag(S) @ Vh, the singular values S in falling order.


# %% tags=["exercise"]
def extract_adapter(before, after, rank):
    """(A, B) of the given rank whose product B @ A comes closest to ``after - before``."""
    # begin solution
    u, s, vh = torch.linalg.svd(after - before, full_matrices=False)
    root = s[:rank].sqrt()
    return root[:, None] * vh[:rank], u[:, :rank] * root
    # end solution


part_8.extract_adapter.check(extract_adapter)

# %% [markdown] tags=["solution"]
# **What it leads to.** A change that was made by LoRA of rank r is found again in full with rank r. (Not the same A and
# B: only their product is determined.) The next cell does it for one projection of the adapter of chapter 6 with
# ever smaller ranks. If much of the change is left at a small rank, the training could have done with
# that rank. A change by full fine-tuning has no such sharp end: there you choose the rank by the error you accept.

# %% tags=["solution"]
from safetensors.torch import load_file

from course_lib.models import load_model

weights = load_file(run.find("06_training/adapter") / "adapter_model.safetensors")
layer = "base_model.model.model.layers.0.mlp.down_proj"
a, b = (weights[f"{layer}.lora_{name}.weight"] for name in "AB")
base = load_model("tiny").model.layers[0].mlp.down_proj.weight.detach()
merged = base + 2.0 * b @ a  # alpha / r = 2
for rank in (1, 2, 4, 8):
    small_a, small_b = extract_adapter(base, merged, rank)
    left = (merged - base - small_b @ small_a).norm() / (merged - base).norm()
    print(f"rank {rank}: {left:.1%} of the change is missing")
