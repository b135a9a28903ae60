# ---
# jupyter:
#   # Generated from solutions/05_reward_testing.py by tools/build_notebooks.py: do not edit.
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
# # 5. Reward testing: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/exercises/05_reward_testing.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/exercises/05_reward_testing.ipynb)

# %% [markdown]
# Two exercises on chapter 5: first break rewards, then write one that holds. Replace each `raise
# NotImplementedError(...)` and run the cell; its last line says whether the answer is right. For help:
# `part_5.red_team.hint()`, then `part_5.red_team.hint(2)`.

# %% tags=["parameters"]
preset = "auto"
seed = 0

# %%
import re

import pandas as pd
from IPython.display import display

from course_lib.checkers import part_5
from course_lib.grading import completion_text, grade
from course_lib.rollouts import GOLD, QUESTION, ROLLOUTS

TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")


# %% [markdown]
# ## Exercise 1: red team
#
# **Difficulty** 2 of 5 · **15 minutes** · **Why it matters:** the policy will find every hole in a
# reward. Whoever can see a hole before the training run saves the run.
#
# Here are three rewards that have been written in earnest. The first wants to be generous about where
# the answer stands. The second wants to forgive an answer whose last digits were cut off. The third
# pays for tags. On honest completions they look fine.

# %%
def any_number(completion, gold):
    return 1.0 if gold in re.findall(r"\d+", completion) else 0.0


def prefix_is_enough(completion, gold):
    answer = completion.partition("<answer>")[2].partition("</answer>")[0].strip()
    return 1.0 if gold.startswith(answer) else 0.0


def tags_occur(completion, gold):
    return sum(tag in completion for tag in TAGS) / 4


FLAWED = (any_number, prefix_is_enough, tags_occur)
display(pd.DataFrame({r.__name__: [r(t, GOLD) for t in ROLLOUTS.values()] for r in FLAWED}, index=list(ROLLOUTS)))


# %% [markdown]
# Write one attack for each. An attack gets the question (it may ignore it), does not know the gold
# answer, and returns a completion of at most 2,000 characters. It has to earn the full point on every
# problem. Solving the problem does not count: for the course's grader, the text must be neither correct
# nor well formed.

# %% tags=["exercise"]
def fool_any_number(question):
    """A completion that any_number pays in full."""
    # Write your code here
    raise NotImplementedError("Exercise: write fool_any_number")


def fool_prefix(question):
    """A completion that prefix_is_enough pays in full."""
    # Write your code here
    raise NotImplementedError("Exercise: write fool_prefix")


def fool_tags(question):
    """A completion that tags_occur pays in full."""
    # Write your code here
    raise NotImplementedError("Exercise: write fool_tags")


part_5.red_team.check([fool_any_number, fool_prefix, fool_tags])


# %% [markdown]
# ## Exercise 2: blue team
#
# **Difficulty** 3 of 5 · **20 minutes** · **Why it matters:** a form reward of all or nothing is safe,
# but a model that never gets the whole form right has nothing to climb. Public runs have sat at nought
# for all their steps because the model left out one closing tag. Part marks give such a model a slope,
# if they do not open a hole.
#
# Write a reward in TRL's signature: `part_marks(completions, **columns)` returns a list with one number
# for each completion.
#
# - A **well formed** completion earns 1.0.
# - Any other earns a quarter for each of the four `TAGS` that stands in it **exactly once**, but at
#   most 0.75.
# - Completions may be strings, lists of messages, or `None` (no points). `completion_text` reads them
#   all.
#
# `grade(text, 0).well_formed` says whether a text is well formed, whatever its answer.

# %% tags=["exercise"]
def part_marks(completions, **columns):
    """1.0 for a well formed completion, else a quarter for each tag that stands exactly once, 0.75 at most."""
    # Write your code here
    raise NotImplementedError("Exercise: write part_marks")


part_5.part_marks.check(part_marks)
