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
# # 1. Setup: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/solutions/01_setup.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/solutions/01_setup.ipynb)

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
    # begin solution
    problems = settings.steps * settings.prompts_per_step
    completions = problems * settings.group_size
    return {
        "problems": problems,
        "completions": completions,
        "tokens_at_most": completions * settings.max_completion_length,
        "micro_batch": settings.prompts_per_step * settings.group_size // settings.accumulation,
    }
    # end solution


part_1.run_costs.check(run_costs)

# %% [markdown] tags=["solution"]
# What the answer leads to: the course's presets, and the laptop preset with one field doubled at a time.

# %% tags=["solution"]
table = {name: run_costs(settings) for name, settings in PRESETS.items()}
for field in ("steps", "group_size", "max_completion_length", "accumulation"):
    changed = get_preset("laptop", **{field: 2 * getattr(laptop, field)})
    table[f"laptop, {field} x 2"] = run_costs(changed)
display(pd.DataFrame(table).T)

# %% [markdown] tags=["solution"]
# - `steps` and `group_size` cost in proportion. More steps see more problems; larger groups see the same problems
#   more closely.
# - `max_completion_length` is a ceiling. A model that stops by itself does not pay for it, one that rambles does.
# - `accumulation` changes the bill for *memory* only: same completions, in smaller portions. It is the first
#   thing to raise when memory runs out.

# %% [markdown]
# ## Exercise 2: a preset of your own
#
# *Difficulty 1 of 5 · 5 minutes · why it matters: settings hang together. Changing one and keeping the cost of a
# step is the usual way to compare two runs fairly.*
#
# Make a preset from `laptop` with groups **half** as large, **as many completions per step** as before, and
# **half** as many steps. Everything else stays. `laptop` stands for the original; its fields stand above.

# %% tags=["exercise"]
# begin solution
# stub: mine = ...  # get_preset("laptop", and what you change)
mine = get_preset(
    "laptop",
    group_size=laptop.group_size // 2,
    prompts_per_step=laptop.prompts_per_step * 2,
    steps=laptop.steps // 2,
)
# end solution
part_1.small_groups.check(mine)

# %% [markdown] tags=["solution"]
# What the answer leads to: the same number of problems in half the steps, at half the price for the run. The
# groups pay for it: in a small group it happens more often that all completions are right, or all wrong, and then
# they teach nothing (chapter 2 shows why). For three difficulties:

# %% tags=["solution"]
chances = (0.05, 0.2, 0.5)
wasted = {
    f"groups of {size}": [p**size + (1 - p) ** size for p in chances] for size in (mine.group_size, laptop.group_size)
}
index = [f"right with probability {p}" for p in chances]
display((100 * pd.DataFrame(wasted, index=index)).round(1).rename(columns="{}: wasted (%)".format))

# %% [markdown] tags=["solution"]
# Small groups waste more at every difficulty. Where a problem is right half of the time, they waste many times
# as much as large ones, but little in all. For hard problems both waste most of what was drawn: there larger groups
# help, and easier problems help more. The same holds for problems that are nearly always right.
