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
# # 3. Data and rewards: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/solutions/03_data_and_rewards.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/solutions/03_data_and_rewards.ipynb)

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

    # begin solution
    def plain(words):
        return " ".join(words.lower().split())

    said = plain(text)
    for letter, option in zip(LETTERS, options, strict=False):
        own = letter.lower()
        dressed = [own, f"({own})", f"[{own}]", f"**{own}**", f"{own}.", f"{own})", f"{own}:"]
        if said in (*dressed, f"{own}) {plain(option)}", plain(option)):
            return letter
    return None
    # end solution


part_3.read_letter.check(read_letter)

# %% [markdown] tags=["solution"]
# What the answer leads to: honest and lazy answers to problems of `toy_choice`, in all rotations, paid by your reader
# and by two that one meets in the wild.

# %% tags=["solution"]
import re

import pandas as pd
from IPython.display import display

from course_lib.tasks import toy_choice


def first_letter(text, options):
    """The first capital from A to D."""
    found = re.search("[A-D]", text)
    return found and found[0]


rows = [turn for row in toy_choice.generate("train", 100, seed) for turn in toy_choice.rotations(row)]
answers = {
    "honest: the letter": lambda gold, name: f"({gold.lower()})",
    "honest: letter and name": lambda gold, name: f"{gold}) {name}",
    "honest: the name": lambda gold, name: name,
    "lazy: always A": lambda gold, name: "A",
    "lazy: all letters": lambda gold, name: "A, B, C or D",
    "lazy: a sentence": lambda gold, name: "A person who is in the passage",
}

# %% tags=["solution"]
paid = {answer: {"gold occurs": 0, "first letter": 0, "read_letter": 0} for answer in answers}
for row in rows:
    gold, options = row["answer"], row["options"]
    for answer, write in answers.items():
        text = write(gold, options["ABCD".index(gold)])
        paid[answer]["gold occurs"] += gold in text
        paid[answer]["first letter"] += first_letter(text, options) == gold
        paid[answer]["read_letter"] += read_letter(text, options) == gold
print(f"share of {len(rows)} rotated problems in which an answer is paid:")
display(pd.DataFrame(paid).T / len(rows))

# %% [markdown] tags=["solution"]
# - *Gold occurs* pays the list of all letters every time. A policy trained with it would recite the alphabet, and
#   its reward curve would look splendid.
# - *First letter* pays a sentence like a guess, since it begins with "A". And it fails the honest: small letters are
#   overlooked, and in a name such as Dan it finds a D.
# - `read_letter` pays the honest in full and *always A* at chance, which nothing can prevent. It does not search: it
#   writes down what it accepts and compares. Such a reader has no surprises, and a model that answers as
#   it is told loses nothing.
# - Rotations matter here: without them *always A* would earn whatever share of the golds is A.
#
# The library's `read_choice` also takes dress around dress, a full stop behind an option's text, and `\boxed{}`.

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
    # begin solution
    key = row["group"] if "group" in row else " ".join(row["question"].lower().split())
    bucket = int(hashlib.sha256(key.encode()).hexdigest(), 16) % 100
    return "test" if bucket < test_percent else "train"
    # end solution


part_3.split_of.check(split_of)

# %% [markdown] tags=["solution"]
# What the answer leads to: the same function on wordings of one problem, first without and then with a group.

# %% tags=["solution"]
from collections import Counter
from random import Random

from course_lib.tasks import toy_math

steps = [("+", 5), ("-", 4), ("*", 2)]
wordings = [{"question": toy_math.word(Random(f"{seed} {i}"), 12, steps)} for i in range(200)]
grouped = [row | {"group": toy_math.signature(12, steps)} for row in wordings]
print("200 wordings of the problem 12 +5 -4 *2:", dict(Counter(split_of(row, 10) for row in wordings)))
print("with the signature as their group:      ", dict(Counter(split_of(row, 10) for row in grouped)))

# %% [markdown] tags=["solution"]
# - The split is stable, needs no stored list, and new rows can be added for ever without moving an old one.
# - Without a group it protects from copies, not from paraphrases: the wordings of a single problem land on both
#   sides, as the first line shows. With a group they stay together. So give your data a group wherever rows share
#   something: a passage, a template, a customer.
# - The price: a few large groups make the shares uneven, and the test set has fewer *independent* problems than rows.
# - `hash()` would have looked right all day: it is constant within one run of Python and salted anew in the next.
#   Such a leak shows up only as a test score that is a little too good.
