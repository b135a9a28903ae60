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

# %% tags=["bootstrap"]
# Colab, Kaggle: this installs the course (on Kaggle, switch on Internet first). Where it is installed, nothing happens.
import importlib.util, os, subprocess, sys

if not importlib.util.find_spec("course_lib"):
    source = os.environ.get("COURSE_SOURCE", "git+https://github.com/OWNER/REPOSITORY@main")
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "--no-deps", source])
importlib.import_module("course_lib.bootstrap").ensure(preset)

# %%
import re

import pandas as pd
from IPython.display import display

from course_lib.analysis import advantages
from course_lib.checkers import part_5
from course_lib.grading import completion_text, grade
from course_lib.rollouts import EXAMPLES

pd.set_option("display.max_colwidth", 60, "display.width", 180, "display.max_columns", 12)

# %% [markdown]
# ## Exercise 1: red team
#
# **Difficulty** 2 of 5 · **15 minutes** · **Why it matters:** the policy will find every hole in a
# reward. Whoever can see a hole before the training run saves the run.
#
# Here are three rewards that have been written in earnest, one for each kind of task. The first wants to
# forgive a number whose last digits were cut off. The second looks for the right letter in a line
# `Final: B`. The third counts how many of the rubric's words occur in the answer. Here is what the toy rollouts
# earn, and an example of a rubric.


# %%
def prefix_is_enough(completion, gold):
    answer = completion.partition("<answer>")[2].partition("</answer>")[0].strip()
    return 1.0 if gold.startswith(answer) else 0.0


def any_final_line(completion, gold):
    finals = [line for line in completion.splitlines() if line.startswith("Final:")]
    return 1.0 if any(gold in line for line in finals) else 0.0


def word_overlap(completion, rubric):
    wanted = set(re.findall(r"[a-z]{4,}", rubric.lower()))
    return len(wanted & set(re.findall(r"[a-z]{4,}", completion.lower()))) / len(wanted)


FLAWED = {"number": prefix_is_enough, "choice": any_final_line, "rubric": word_overlap}
for kind, reward in FLAWED.items():
    example, group = EXAMPLES[kind]
    if kind == "choice":  # this reward looks for a line of its own
        group = {name: re.sub(r"<answer>(.*)</answer>", r"Final: \1", text) for name, text in group.items()}
    print(reward.__name__, {name: round(reward(text, example["answer"]), 2) for name, text in group.items()})
print("\na rubric:\n" + EXAMPLES["rubric"][0]["answer"])

# %% [markdown]
# Write one attack for each. An attack gets the question (it may ignore it), knows neither the gold answer
# nor the rubric, and returns a completion of at most 2,000 characters. It has to earn the full point on
# every problem of the toy tasks. Solving the problem does not count: for the course's grader, the text must
# be neither correct nor well formed.


# %% tags=["exercise"]
def fool_prefix(question):
    """A completion that prefix_is_enough pays in full."""
    # begin solution
    return "I would rather not say."
    # end solution


def fool_final_line(question):
    """A completion that any_final_line pays in full."""
    # begin solution
    return "\n".join(f"Final: {letter}" for letter in "ABCD")
    # end solution


def fool_overlap(question):
    """A completion that word_overlap pays in full."""
    # begin solution
    boilerplate = "The answer is a list of exactly so many items. It includes the word. It ends with a full stop."
    boilerplate += " Items in alphabetical order, no item repeated. Hard rule, pitfall."
    return f"{question} {boilerplate}"
    # end solution


part_5.red_team.check([fool_prefix, fool_final_line, fool_overlap])

# %% tags=["solution"]
table = []
for (kind, reward), attack in zip(FLAWED.items(), (fool_prefix, fool_final_line, fool_overlap), strict=True):
    example, _ = EXAMPLES[kind]
    text = attack(example["question"])
    found = grade(text, example["answer"], example["task"], example.get("options"))
    table.append((reward.__name__, text, reward(text, example["answer"]), found.correct, found.well_formed))
columns = ["reward", "attack", "earns", "course: correct", "course: well formed"]
display(pd.DataFrame(table, columns=columns).set_index("reward"))

# %% [markdown] tags=["solution"]
# **What it leads to.** Each attack needs no thought and earns what honest work earns.
#
# - `prefix_is_enough` is the famous empty-answer bug: every string starts with the empty string, so saying
#   nothing is always right, and completions shrink to nothing.
# - `any_final_line` pays for listing all letters. A model that guesses is right now and then; a model that
#   lists is right always, so listing has a positive advantage in every group with a mistake in it.
# - `word_overlap` is filled by words that stand in every rubric, and by the question. The attack does not
#   even need to see the rubric. And look at the rollouts above: the list that keeps all rules earns little,
#   since a good answer has few words in common with a description of good answers.

# %% [markdown]
# ## Exercise 2: blue team
#
# **Difficulty** 3 of 5 · **20 minutes** · **Why it matters:** multiple choice looks easy to reward, and
# public code has got it wrong in both directions: listing every letter was paid, `Final: **B**` was not, and a
# row without a gold answer paid everybody.
#
# Write the reward that `any_final_line` should have been, in TRL's signature:
# `final_letter(completions, answer, options, **columns)` returns a list with one number for each completion.
# Do it by hand, with string methods, not with the course's grader.
#
# - A **final line** is a line that starts with `Final:` (white space in front aside). There must be exactly
#   one in the text, else 0.0.
# - What follows it, without white space and the signs `*`, `(`, `)`, `[`, `]` and `.` around it, must be the
#   gold letter, in upper or lower case: 1.0. Anything else: 0.0.
# - `answer` holds the gold letters, `options` the list of options of each row. A gold answer that is none of
#   the row's letters (`A` for the first option, and so on) is an error in the data: raise `ValueError`.
# - Completions may be strings, lists of messages, or `None`. `completion_text` reads them all.


# %% tags=["exercise"]
def final_letter(completions, answer, options, **columns):
    """1.0 for the gold letter in exactly one final line, else 0.0."""
    # begin solution
    scores = []
    for completion, gold, choices in zip(completions, answer, options, strict=True):
        if gold not in list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(choices)]):
            raise ValueError(f"the gold answer {gold!r} is not one of {len(choices)} letters")
        lines = [line.strip() for line in completion_text(completion).splitlines()]
        finals = [line.removeprefix("Final:") for line in lines if line.startswith("Final:")]
        said = finals[0].strip(" \t*()[].").upper() if len(finals) == 1 else None
        scores.append(float(said == gold))
    return scores
    # end solution


part_5.final_letter.check(final_letter)

# %% tags=["solution"]
example, _ = EXAMPLES["choice"]
group = {
    "right": f"I followed it.\nFinal: {example['answer']}",
    "right, in bold": f"Final: **{example['answer']}**",
    "wrong": "Final: A",
    "lists them all": fool_final_line(example["question"]),
}
table = pd.DataFrame(index=list(group))
table["any_final_line"] = [any_final_line(text, example["answer"]) for text in group.values()]
table["final_letter"] = final_letter(list(group.values()), [example["answer"]] * 4, [example["options"]] * 4)
for name in ("any_final_line", "final_letter"):
    table[f"advantage, {name}"] = advantages(table[name], [0] * 4)
display(table.round(2))
print("no gold answer: any_final_line pays", any_final_line("Final: C", ""))

# %% [markdown] tags=["solution"]
# **What it leads to.** With `any_final_line` the list has the same advantage as the right answers, in this
# group and in every other, whatever is asked. What always pays is learned fastest: such a run ends with a
# model that lists all letters, at full reward. With `final_letter` the list stands beside the wrong answer.
#
# The error for a bad gold answer matters as much. A row without one would pay everybody or nobody, so its
# groups teach nothing, and the mean reward in the log would be wrong by their share. An error at the first
# step costs a minute.
#
# The course's own reward for this, `mc_reward` with the task `final_line`, reads some more dress
# (`**Final:** B`, the option's text) and takes time linear in the length of the text.
