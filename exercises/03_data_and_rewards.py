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
# answer and names the likely mistake. `part_3.read_letter.hint()` gives a first hint, `.hint(2)` a second.
#
# **Needs**: chapter 3. Nothing is trained and nothing is downloaded.

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
import hashlib

from course_lib.checkers import part_3

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
print("letters:", LETTERS)


# %% [markdown]
# ## Exercise 1: a reader of letters
#
# *Difficulty 3 of 5 · 15 minutes · why it matters: who guesses among four options is right in a quarter of cases. A
# reader that looks for a letter somewhere in the answer pays for lists of letters and for sentences that begin with
# "A", and training finds that out.*
#
# Write a function that gets the text between the answer tags and the list of options, and returns the **letter** of
# the option that the text names, in upper case, or `None`. The text is read when, as a whole, it is
#
# | | with the options `["a dog", "the cows"]` |
# |---|---|
# | the letter of an option | `B` |
# | the letter in brackets, in bold or with one sign behind | `(B)` · `[B]` · `**B**` · `B.` · `B)` · `B:` |
# | the letter, a bracket and that very option's text | `B) the cows` |
# | an option's text | `the cows` |
#
# Capital or small letters make no difference, nor does white space (at the ends, or how much of it between words).
# **Anything else is `None`**: `A, B` · `C` · `A) the cows` · `not B` · `A cow` · nothing at all.
#
# There are 2 to 26 options, all different and none of them a single letter, and `LETTERS` has a letter for each.

# %% tags=["exercise"]
def read_letter(text, options):
    """The letter of the option that the text names, in upper case, or None."""

    # Write your code here
    raise NotImplementedError("Exercise: write read_letter")


part_3.read_letter.check(read_letter)


# %% [markdown]
# ## Exercise 2: a split that stays put
#
# *Difficulty 3 of 5 · 15 minutes · why it matters: if a test problem of today is a training problem tomorrow,
# because the file was sorted anew or a row was added, all comparisons over time are worthless. And if a passage of
# the test was trained on, the test measures memory.*
#
# Your own data has no signatures. Write a function that says `"test"` for about `test_percent` per cent of all rows
# and `"train"` for the rest, by a row's **group** where it has one (the passage that several questions share), else
# by its **question**. A row is a dictionary with `"question"`, perhaps `"group"`, and other columns.
#
# - The answer depends on nothing but the group, or the question: not on other rows or columns, on the order, on chance
#   or on the run.
# - In a question, case and white space (also line ends, and spaces at both ends) make no difference. A group is an
#   identifier: take it as it is.
# - Raising `test_percent` moves rows from train to test only, never back; at 0 nothing is test, at 100 everything.

# %% tags=["exercise"]
def split_of(row, test_percent):
    """Say "train" or "test", by the group of the row, or else by the words of its question."""
    # Write your code here
    raise NotImplementedError("Exercise: write split_of")


part_3.split_of.check(split_of)
