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
# # Exercises 6: Training

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/solutions/06_training.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/solutions/06_training.ipynb)

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
    # begin solution
    completions = prompts_per_step * group_size
    batch_size = max(size for size in range(1, completions + 1) if size <= fits and completions % size == 0)
    return batch_size, completions // batch_size, problems // prompts_per_step
    # end solution


part_6.plan_batch.check(plan_batch)

# %% [markdown] tags=["solution"]
# **What it leads to.** The step is the same whatever fits: the same completions, the same advantages, the same update
# up to rounding. Only the time differs. That is why memory should never decide the group size: it decides the
# accumulation. Note too why a group may span batches. The advantages are computed once for all the
# completions of the step, before they are cut into batches.

# %% tags=["solution"]
for fits in (settings.completions_per_step, 48, 10, 1):
    plan = plan_batch(settings.prompts_per_step, settings.group_size, fits, settings.train_problems)
    print(f"room for {fits:>3}: batch size {plan[0]:>3} x accumulation {plan[1]:>3}, {plan[2]} steps")

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
    # begin solution
    start, means = log.head(5), log["reward"].rolling(5).mean()
    if start["clipped_ratio"].mean() > 0.5:
        return "cut off"
    if (start["reward"] == 0).all():
        return "no success"
    if start["frac_reward_zero_std"].mean() > 0.9:
        return "no contrast"
    return "collapsed" if means.iloc[-1] < 0.8 * means.max() else "healthy"
    # end solution


part_6.diagnose.check(diagnose)

# %% [markdown] tags=["solution"]
# **What it leads to.** Groups without contrast mean opposite things at the two ends of a run. At the start, nothing
# can be learned. At the end, most groups are right throughout, and little is left to learn. So the third rule looks
# at the start only. And the fourth compares means of five rows: the best single row of a jagged curve is luck, and
# many a good run would look collapsed beside it. The cell below draws a thousand curves that do nothing but jitter
# about 1, and counts how many each rule calls collapsed. Then it diagnoses the recorded runs, if there are any.

# %% tags=["solution"]
import numpy as np

from course_lib.artifacts import DATA, REFERENCE

curves = pd.DataFrame(np.random.default_rng(seed).normal(1.0, 0.1, (50, 1000)))  # a column for each run
for name, smooth in (("single rows", curves), ("means of five", curves.rolling(5).mean())):
    called = (smooth.iloc[-1] < 0.8 * smooth.max()).mean()
    print(f"{name:>13}: {called:.1%} of the good runs are called collapsed")
failed = sorted((DATA.parents[1] / "recorded").glob("learning rate*/log.csv"))
for path in [*sorted(REFERENCE.glob("*/06_training/log.csv")), *failed]:
    name = path.parts[-3] if path.is_relative_to(REFERENCE) else path.parent.name
    print(f"the recorded run of {name}: {diagnose(pd.read_csv(path))}")
