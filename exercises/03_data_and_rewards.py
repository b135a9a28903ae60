# ---
# jupyter:
#   # Generated from solutions/03_data_and_rewards.py by tools/build_notebooks.py: do not edit.
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
# # 3. Data and rewards: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/exercises/03_data_and_rewards.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/exercises/03_data_and_rewards.ipynb)

# %% [markdown]
# Two exercises on chapter 3. Write your code where the cell says so and run the cell: its last line checks the
# answer and names the likely mistake. `part_3.tag_reward.hint()` gives a first hint, `.hint(2)` a second.
#
# **Needs**: chapter 3. Nothing is trained and nothing is downloaded.

# %% tags=["parameters"]
preset = "auto"
seed = 0

# %%
import hashlib

from course_lib.checkers import part_3

TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")
print("tags:", *TAGS)


# %% [markdown]
# ## Exercise 1: a reward that pays for each tag
#
# *Difficulty 2 of 5 · 10 minutes · why it matters: a model that is never well formed gets 0 from a strict reward
# in every group, and learns nothing. A graded reward gives it steps to climb.*
#
# Write a reward that pays 0.25 for each of the four tags that stands in the completion **exactly once**. Order
# and content are not judged. It should work as it stands in TRL:
#
# - it gets `completions` and, by keyword, other columns that it does not use;
# - a completion is a string, or a list with one message, as in `[{"role": "assistant", "content": "the text"}]`;
#   only its content counts, and a message may have other fields;
# - it returns a list with one float per completion.

# %% tags=["exercise"]
def tag_reward(completions, **columns):
    """0.25 for each tag of TAGS that stands in the completion exactly once."""
    # Write your code here
    raise NotImplementedError("Exercise: write tag_reward")


part_3.tag_reward.check(tag_reward)


# %% [markdown]
# ## Exercise 2: a split that stays put
#
# *Difficulty 3 of 5 · 12 minutes · why it matters: if a test problem of today is a training problem tomorrow,
# because the file was sorted anew or a row was added, all comparisons over time are worthless.*
#
# Your own data has no signatures, so the text of the question has to decide. Write a function that says `"test"`
# for about `test_percent` per cent of all questions and `"train"` for the rest, so that
#
# - the answer depends on nothing but the question: not on other rows, on the order, on chance or on the run;
# - case and white space (also line ends, and spaces at both ends) make no difference;
# - raising `test_percent` moves questions from train to test only, never back; at 0 nothing is test, at 100 everything.

# %% tags=["exercise"]
def split_of(question, test_percent):
    """Say "train" or "test", by the words of the question alone."""
    # Write your code here
    raise NotImplementedError("Exercise: write split_of")


part_3.split_of.check(split_of)
