# ---
# jupyter:
#   # Generated from solutions/06_training.py by tools/build_notebooks.py: do not edit.
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
# # Exercises 6: Training

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/exercises/06_training.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/exercises/06_training.ipynb)

# %% [markdown]
# Two exercises for chapter 6: one for before a run, one for after it. Each cell ends with its check. Run it as often
# as you like. `part_6.plan_batch.hint()` and `.hint(2)` help.

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

from course_lib.checkers import part_6
from course_lib.presets import get_preset

settings = get_preset(preset)


# %% [markdown]
# ## Exercise 1: plan the batch
#
# *Difficulty 2 of 5, 8 minutes.* **Why it matters**: this is the sum that everyone has to do on a new GPU. TRL counts
# in completions; what you know is how many prompts you want a step to see, the group size, and how many completions
# fit into memory at once.
#
# Write `plan_batch`. It returns three whole numbers:
#
# - `batch_size`: the largest number of completions that is at most `fits` and divides the completions of a step;
# - `accumulation`: how many such batches make one step;
# - `steps`: how many full steps the problems allow when each problem is used once.
#
# A batch need not hold whole groups: a group may span two or more batches. TRL only wants `batch_size` times
# `accumulation` to be a multiple of the group size, and a step of whole prompts always is.

# %% tags=["exercise"]
def plan_batch(prompts_per_step, group_size, fits, problems):
    """(batch_size, accumulation, steps) of a GRPO run; ``fits``: completions that fit into memory at once."""
    # Write your code here
    raise NotImplementedError("Exercise: write plan_batch")


part_6.plan_batch.check(plan_batch)


# %% [markdown]
# ## Exercise 2: read the log
#
# *Difficulty 3 of 5, 15 minutes.* **Why it matters**: a run that cannot learn looks busy. Most failures show in the
# first rows of the log, and a program can look at them before you have waited an hour.
#
# Write `diagnose`. It takes a log (a DataFrame with one row a step) and returns the *first* of these that applies:
#
# 1. `"cut off"`: over the first five rows, the mean of `clipped_ratio` is above 0.5;
# 2. `"no success"`: in the first five rows, `reward` is always 0;
# 3. `"no contrast"`: over the first five rows, the mean of `frac_reward_zero_std` is above 0.9;
# 4. `"collapsed"`: the mean `reward` of the last five rows is below 0.8 times the best mean of any five rows in a row;
# 5. `"healthy"`: none of these.
#
# The order matters: completions that are cut off seldom earn anything, and groups that earn nothing have no contrast. The
# first name is the likelier cause, the later ones its consequences. (Not always: copies of one wrong answer, drawn at a
# temperature near 0, are called "no success" too.)

# %% tags=["exercise"]
def diagnose(log):
    """Name what is wrong with a run, the cause before its consequences."""
    # Write your code here
    raise NotImplementedError("Exercise: write diagnose")


part_6.diagnose.check(diagnose)
