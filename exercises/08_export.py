# ---
# jupyter:
#   # Generated from solutions/08_export.py by tools/build_notebooks.py: do not edit.
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
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/exercises/08_export.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/exercises/08_export.ipynb)

# %% [markdown]
# Three exercises for chapter 8: a tool for finding out where an export goes wrong, the way back from a merged model
# to an adapter, and the part of a conversion to GGUF that goes wrong in silence. Each cell ends with its check. `part_8.first_difference.hint()` and `.hint(2)` help.

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
run = Run(settings)


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
    # Write your code here
    raise NotImplementedError("Exercise: write first_difference")


part_8.first_difference.check(first_difference)


# %% [markdown]
# ## Exercise 2: from a merged model back to an adapter
#
# *Difficulty 4 of 5, 15 minutes.* **Why it matters**: someone gives you a fine-tuned model and its base, and you would
# like a small adapter instead of a second full model. And it shows what "rank" means.
#
# Write `extract_adapter`. From the weights of one projection before and after, both of shape (out, in), it returns
# A of shape (rank, in) and B of shape (out, rank), so that B @ A is the **best** approximation of the change (the scale alpha / r is 1 here). The tool
# is the singular value decomposition: `torch.linalg.svd(change, full_matrices=False)` returns U, S and Vh with
# change = U @ diag(S) @ Vh, the singular values S in falling order.

# %% tags=["exercise"]
def extract_adapter(before, after, rank):
    """(A, B) of the given rank whose product B @ A comes closest to ``after - before``."""
    # Write your code here
    raise NotImplementedError("Exercise: write extract_adapter")


part_8.extract_adapter.check(extract_adapter)


# %% [markdown]
# ## Exercise 3: a weight for llama.cpp
#
# *Difficulty 2 of 5, 10 minutes.* **Why it matters**: two programs that run the same architecture may store it
# differently. A conversion that forgets this writes a file that loads, runs and talks nonsense.
#
# Write `convert_weight`. It takes the name and the value of one weight of a Gemma 3 as `transformers` has it, and
# returns what a GGUF file in float16 holds:
#
# - norms (their names end in `norm.weight`): Gemma multiplies by 1 + w, llama.cpp by w. They stay float32;
# - `lm_head.weight` is the embedding once more: `None`, since the file holds it once;
# - everything else in float16, unchanged.
#
# The model that the weights come from must stay as it is.

# %% tags=["exercise"]
def convert_weight(name, weight):
    """What a float16 GGUF file holds for one weight of a Gemma 3; None for what it leaves out."""
    # Write your code here
    raise NotImplementedError("Exercise: write convert_weight")


part_8.convert_weight.check(convert_weight)
