# ---
# jupyter:
#   # Generated from solutions/07_evaluation.py by tools/build_notebooks.py: do not edit.
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
# # Exercises 7: Evaluation

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/exercises/07_evaluation.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/exercises/07_evaluation.ipynb)

# %% [markdown]
# Three exercises for chapter 7: how many problems a claim needs, what a model *could* answer, and how sure a gain is.
# Each cell ends with its check. `part_7.problems_needed.hint()` and `.hint(2)` help.

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
from math import comb

import numpy as np

from course_lib.checkers import part_7
from course_lib.presets import get_preset
from course_lib.statistics import wilson

settings = get_preset(preset)


# %% [markdown]
# ## Exercise 1: how many problems?
#
# *Difficulty 2 of 5, 8 minutes.* **Why it matters**: decide on the number of problems before you measure, from the
# difference that you want to be able to see. Afterwards it is too late.
#
# Write `problems_needed`. It returns the smallest **even** n for which n/2 right answers out of n have a Wilson
# interval whose half width is at most `half_width` (a fraction: 0.05 is five points). A rate of one half is the
# worst case: at any other rate, the interval is narrower. `wilson(right, n)` from the library gives the two ends.

# %% tags=["exercise"]
def problems_needed(half_width):
    """The smallest even n whose Wilson interval at n/2 right answers reaches at most ``half_width`` to each side."""
    # Write your code here
    raise NotImplementedError("Exercise: write problems_needed")


part_7.problems_needed.check(problems_needed)


# %% [markdown]
# ## Exercise 2: pass@k
#
# *Difficulty 3 of 5, 12 minutes.* **Why it matters**: GRPO can only reward what is sampled. pass@k is the probability
# that at least one of k sampled completions is right. A large gap between pass@1 and pass@k is room for GRPO. Where
# even pass@k is near 0, there is nothing to reward.
#
# You have sampled n completions of a problem, and c of them are right. Write `pass_at_k`: the probability that a
# random choice of k **different** ones among the n holds at least one right one. It is easier to count the choices
# that hold none.

# %% tags=["exercise"]
def pass_at_k(n, c, k):
    """The probability that k of the n completions, drawn without putting back, hold one of the c right ones."""
    # Write your code here
    raise NotImplementedError("Exercise: write pass_at_k")


part_7.pass_at_k.check(pass_at_k)


# %% [markdown]
# ## Exercise 3: how sure is a gain?
#
# *Difficulty 3 of 5, 12 minutes.* **Why it matters**: two rates with an interval each do not say how sure their
# difference is. The same problems were asked twice, and an easy one is easy both times.
#
# Write `gain_interval`. `before` and `after` are arrays with 1 for right and 0 for wrong, problem by problem. Draw
# n of the n problems again, with repetition, 2000 times; each time take the mean of after minus before *over the drawn
# problems*. Return the 2.5 % and the 97.5 % quantile of these 2000 differences (`np.quantile`). `rng.integers(0, n, n)`
# draws n problems.

# %% tags=["exercise"]
def gain_interval(before, after, rng):
    """The 95 % paired bootstrap interval of the gain, as (low, high)."""
    # Write your code here
    raise NotImplementedError("Exercise: write gain_interval")


part_7.gain_interval.check(gain_interval)
