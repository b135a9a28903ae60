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
# # 5. Reward testing: exercises

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/solutions/05_reward_testing.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/solutions/05_reward_testing.ipynb)

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
    # begin solution
    return " ".join(str(n) for n in range(1, 100))
    # end solution


def fool_prefix(question):
    """A completion that prefix_is_enough pays in full."""
    # begin solution
    return "I would rather not say."
    # end solution


def fool_tags(question):
    """A completion that tags_occur pays in full."""
    # begin solution
    return "".join(reversed(TAGS))
    # end solution


part_5.red_team.check([fool_any_number, fool_prefix, fool_tags])

# %% tags=["solution"]
attacks = [fool_any_number(QUESTION), fool_prefix(QUESTION), fool_tags(QUESTION)]
table = pd.DataFrame({r.__name__: [r(text, GOLD) for text in attacks] for r in FLAWED})
table["course: correct"] = [grade(text, GOLD).correct for text in attacks]
table["course: well formed"] = [grade(text, GOLD).well_formed for text in attacks]
table.index = [text[:24] + " …" for text in attacks]
display(table)

# %% [markdown] tags=["solution"]
# **What it leads to.** Each attack is shorter than honest work, or needs no thought, and earns the
# same. A policy trained with `any_number` would recite numbers. `prefix_is_enough` is the famous
# empty-answer bug: every string starts with the empty string, so saying nothing is always right, and
# completions shrink to nothing. With `tags_occur` the policy writes four tags and stops. Look at the
# first column of the honest rollouts, too: "reasons, slips" gets nothing but "no tags" the full point,
# so even without an attacker this reward teaches to leave the tags out.

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
    # begin solution
    scores = []
    for completion in completions:
        text = completion_text(completion)
        quarters = sum(text.count(tag) == 1 for tag in TAGS) / 4
        scores.append(1.0 if grade(text, 0).well_formed else min(0.75, quarters))
    return scores
    # end solution


part_5.part_marks.check(part_marks)

# %% tags=["solution"]
beginner = {  # a group of a model that has never closed its reasoning
    "no tags": "The answer is 26.",
    "bare answer": "<answer>26</answer>",
    "not closed": "<reasoning>\n12+5=17\n17-4=13\n13*2=26\n<answer>26</answer>",
    "opened only": "<reasoning>\n12+5=17",
}
table = pd.DataFrame(index=list(beginner))
table["all or nothing"] = [float(grade(text, GOLD).well_formed) for text in beginner.values()]
table["part marks"] = part_marks(list(beginner.values()))
for name in ("all or nothing", "part marks"):
    rewards = table[name]
    table[f"advantage, {name}"] = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
display(table.round(2))
print("tag spam and reversed tags:", part_marks(["".join(TAGS) * 20, "".join(reversed(TAGS))]))

# %% [markdown] tags=["solution"]
# **What it leads to.** With all or nothing the four completions get the same reward, so all advantages
# are zero and the group teaches nothing. With part marks the completion that lacks one closing tag has
# an advantage of +1.16, the one without tags −1.16: the policy is led towards the full form, where the
# last quarter waits. Spamming tags earns nothing, since each stands more than once.
#
# There is a price. Reversed tags with nothing in them still earn 0.75, which is more than nothing: at a
# weight of 0.5 that is 0.375 points for no work, above a blurted guess without tags. So use part marks
# to get a model started, watch what it does with them, and go back to the strict reward when well
# formed completions turn up by themselves. The tiny model writes some from the start, so the course's
# suite does without.
