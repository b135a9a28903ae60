# ---
# jupyter:
#   # Generated from solutions/01_setup.py by tools/build_notebooks.py: do not edit.
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
# # 1. Setup: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/exercises/01_setup.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/exercises/01_setup.ipynb)

# %% [markdown]
# Two short exercises on chapter 1, also to show how exercises work here. Write your code where the cell says so
# and run the cell. Its last line checks the answer: *not attempted*, *incorrect* with the likely mistake, or
# *correct*. `part_1.run_costs.hint()` gives a first hint, `.hint(2)` a second.
#
# **Needs**: chapter 1. Nothing is trained and nothing is downloaded.

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
from IPython.display import display

from course_lib.checkers import part_1
from course_lib.presets import PRESETS, get_preset

laptop = get_preset("laptop")
print("presets:", ", ".join(PRESETS))
display(pd.Series(laptop.to_dict(), name="laptop").to_frame())


# %% [markdown]
# ## Exercise 1: what a run costs
#
# *Difficulty 1 of 5 · 6 minutes · why it matters: nearly all of the time goes into tokens that the model writes.
# Who can count them can tell a run of minutes from a run of days before it starts.*
#
# From the fields of a preset (`steps`, `prompts_per_step`, `group_size`, `accumulation`,
# `max_completion_length`), work out
#
# - `problems`: how many problems the whole run sees,
# - `completions`: how many completions it draws,
# - `tokens_at_most`: how many tokens they have at most,
# - `micro_batch`: how many completions go through the model at once when it learns.

# %% tags=["exercise"]
def run_costs(settings):
    """What a run with these settings costs: a dictionary with the four keys above."""
    # Write your code here
    raise NotImplementedError("Exercise: write run_costs")


part_1.run_costs.check(run_costs)

# %% [markdown]
# ## Exercise 2: a preset of your own
#
# *Difficulty 1 of 5 · 5 minutes · why it matters: settings hang together. Changing one and keeping the cost of a
# step is the usual way to compare two runs fairly.*
#
# Make a preset from `laptop` with groups **half** as large, **as many completions per step** as before, and
# **half** as many steps. Everything else stays. `laptop` stands for the original; its fields stand above.

# %% tags=["exercise"]
# Write your code here
mine = ...  # get_preset("laptop", and what you change)
part_1.small_groups.check(mine)
