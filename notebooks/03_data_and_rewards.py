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
# # 3. Data and rewards

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/notebooks/03_data_and_rewards.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/notebooks/03_data_and_rewards.ipynb)

# %% [markdown]
# You will be able to
#
# - say what a task needs: questions, gold answers, a split that holds, and a grader,
# - prove that no test problem stands in the training data, and catch one that does,
# - follow a question from messages to template text to tokens,
# - say exactly when a completion is *well formed* and when it is *right*,
# - write a first reward function in TRL's signature, probe it, and see where it goes wrong,
# - load the real GSM8K and read its gold answers.
#
# **Time:** 45 minutes to read, a few seconds to run. **Needs:** chapter 2 read. No GPU. A network or a copy of
# GSM8K is useful for the last section only.

# %% tags=["parameters"]
preset = "auto"
seed = 0

# %%
import os
import random
from collections import Counter
from urllib.request import urlopen

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display

from course_lib.artifacts import Run
from course_lib.errors import DataError
from course_lib.grading import grade, read_number
from course_lib.models import load_tokenizer
from course_lib.presets import get_preset
from course_lib.rewards import get_suite
from course_lib.rollouts import GOLD, QUESTION, ROLLOUTS
from course_lib.tasks import check_leakage, gsm8k, load_rows, preset_rows, save_rows, toy_math

settings = get_preset(preset)
run = Run(settings.name)
pd.set_option("display.max_colwidth", 100, "display.width", 180, "display.max_columns", 12)

# %% [markdown]
# ## What a task is
#
# GRPO needs no model answers to imitate, but it does need problems whose answers can be **checked**. A task in
# this course gives rows with always the same columns:
#
# | column | what it is | who sees it |
# |---|---|---|
# | `prompt` | messages, ready for the chat template | the model |
# | `answer` | the **gold** answer, as text | the rewards and the evaluation, never the model |
# | `task` | which grading applies | the rewards |
# | `question` | the bare problem | you |
#
# Some tasks add columns of their own. Here is one row of `toy_math`, the task that the tiny model trains on.

# %%
row = load_rows("toy_math", "train", n=1, seed=seed)[0]
for column, value in row.items():
    print(f"{column:10} {value!r}")

# %% [markdown]
# `worked` is the solution, one equation per step. It is there for you, and for the warm start of the tiny model;
# in GRPO nothing ever shows it to the model. The model finds its own way of reasoning, and only the result is
# checked.
#
# ## Anatomy of a toy problem
#
# A problem is a start value and three to five operations. That bare form is its **signature**. The wording comes
# afterwards, drawn from a set of phrases. Here is the problem of the toy rollouts, in the course's own words and
# twice in others.

# %%
signature = toy_math.read_signature(QUESTION)
steps = [("+", 5), ("-", 4), ("*", 2)]
print("signature:", signature, "| as drawn:", toy_math.signature(12, steps))
print("worked:   ", "; ".join(toy_math.equations(12, steps)))
print("wording 1:", QUESTION)
for i in (2, 3):
    print(f"wording {i}:", toy_math.word(random.Random(f"{seed} {i}"), 12, steps))

# %% [markdown]
# Three texts, one problem. Keep this in mind: comparing texts would call them three different problems.
#
# Before training on data, look at it. How long are the problems, and which answers are there? The last question
# matters more than it seems: if one answer were very common, a model could score by always saying it.

# %%
sample = toy_math.generate("train", 3000, seed)
answers = np.array([int(r["answer"]) for r in sample])
lengths = Counter(r["steps"] for r in sample)
fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), width_ratios=(1, 2.4))
axes[0].bar(list(lengths), list(lengths.values()), color="0.75", edgecolor="black", hatch="//")
axes[0].set(xticks=sorted(lengths), xlabel="steps in the problem", ylabel="problems")
axes[1].hist(answers, bins=np.arange(0.5, 100), color="0.6", edgecolor="black", linewidth=0.4)
axes[1].set(xlabel="gold answer", ylabel="problems")
fig.tight_layout()
plt.show()
(common, count), *_ = Counter(answers.tolist()).most_common(1)
print(f"the most common answer is {common}: always saying it would be right in {count / len(answers):.1%} of cases")

# %% [markdown]
# *Picture: left, three bars of about equal height for 3, 4 and 5 steps; right, the gold answers from 1 to 99,
# with fewer and fewer above 60.*
#
# Large answers are rarer, because no value on the way may exceed 99 and divisions lead downwards. But no single
# answer is common enough to be worth guessing. The printed line is the score of the best constant guess: an
# accuracy near it would mean nothing.

# %% [markdown]
# ## A split that holds
#
# Training and test problems must not overlap, or the test measures memory. Shuffling and cutting is not enough:
# the same problem could be drawn twice, in two wordings, once for each side. So here the **signature decides**.
# Its SHA-256 hash, modulo 100, says to which split it belongs: 0–79 train, 80–89 validation, 90–99 test. The same
# on every machine, with every seed, for ever.

# %%
splits = pd.DataFrame(
    [(sig, toy_math.split_of(sig)) for sig in ("12 +5 -4 *2", "12 +5 -4 +2", "12 +5 -4 +4", "12 +5 -4 +5")],
    columns=["signature", "split"],
)
display(splits)
rng = random.Random(seed)
drawn = Counter(toy_math.split_of(toy_math.signature(*toy_math.draw_problem(rng))) for _ in range(5000))
print({name: f"{n / 5000:.1%}" for name, n in drawn.most_common()})

# %% [markdown]
# A small change of the problem can land it in another split; a change of wording cannot, since the hash never
# sees the words. The shares come out near 80, 10 and 10 per cent.
#
# Trust, but check. `check_leakage` compares every test row with the training rows, by text *and* by signature. We
# run it on what this preset will train and test on, and then plant a leak to see whether the check is worth
# anything.

# %%
rows = preset_rows(settings, seed)
print(f"{len(rows['train'])} training rows; {check_leakage(rows['train'], rows['test'])} test rows compared, no leak")

train, test = (load_rows("toy_math", split, 200, seed) for split in ("train", "test"))
start, *operations = train[7]["signature"].split()
steps = [(operation[0], int(operation[1:])) for operation in operations]
planted = dict(train[7], question=toy_math.word(random.Random("planted"), int(start), steps))
print("in training:", train[7]["question"])
print("planted:    ", planted["question"])
print("same text?  ", planted["question"] in {r["question"] for r in train})
try:
    check_leakage(train, test + [planted])
except DataError as error:
    print("check_leakage:", error)

# %% [markdown]
# The planted row has another text, so that a comparison of texts would have let it pass. The signature gives it
# away.
#
# Real data has no signatures. For GSM8K the check can compare only words (case and spacing aside), so it finds
# copies but not paraphrases. And nobody can check what a public model has seen before you got it: on public
# benchmarks, part of what looks like reasoning may be memory.

# %% [markdown]
# ## From a question to tokens
#
# A question becomes a prompt in one place of the library, `build_prompt`, for training, evaluation and export
# alike: a model that is trained with one wording and tested with another looks worse than it is. Gemma has no
# system role, so the instruction goes into the user's turn.

# %%
tokenizer = load_tokenizer(settings.model)
messages = row["prompt"]
text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
ids = tokenizer(text, add_special_tokens=False)["input_ids"]
print("messages:", messages)
print("\ntemplate text:\n" + text)
print("tokens:", len(ids), ids[:8], "...")
print("pieces:", [tokenizer.decode([i]) for i in ids[:8]], "...", [tokenizer.decode([i]) for i in ids[-5:]])
texts = [tokenizer.apply_chat_template(r["prompt"], add_generation_prompt=True, tokenize=False) for r in train]
longest = max(len(found) for found in tokenizer(texts, add_special_tokens=False)["input_ids"])
print(f"longest of {len(texts)} prompts: {longest} tokens; the preset's limit is {settings.max_prompt_length}")

# %% [markdown]
# - `<bos>` stands once, at the start. The template writes it, so the tokenizer must not add another
#   (`add_special_tokens=False`).
# - `<start_of_turn>` and `<end_of_turn>` are single tokens. The text stops right after `model`: what follows is
#   the completion, and it ends when the model writes `<end_of_turn>`.
# - Each digit is a token of its own, as in Gemma: the model computes with digits, not with whole numbers.
# - `<reasoning>` and `<answer>` are ordinary text. This matters: TRL removes *special* tokens before it calls the
#   rewards, and a tag that is removed cannot be rewarded.
#
# Prompts beyond the limit are dropped before training starts, since TRL does not cut them.
#
# The tiny model follows Gemma in all this, with a smaller vocabulary: 768 entries against 262,144.

# %% [markdown]
# ## The grading contract
#
# When is a completion right? The sentence "the answer is correct" hides a dozen decisions. The course takes them
# once, in `course_lib.grading`, and rewards, evaluation and exercises all ask the same grader.
#
# - A completion is **well formed** when the whole text is exactly one non-blank reasoning block, white space, and
#   one non-empty answer block, and the model ended it itself.
# - Its **answer** is what stands between the answer tags, if there is exactly one pair and no reasoning tag
#   follows. Text around the blocks spoils the form, not the answer. A right number anywhere else counts for
#   nothing.
# - The answer is **right** when it can be read as one number and that number equals the gold, as exact fractions.
#
# What may stand around the number is fixed too. Before it: a sign and a currency sign, no words. After it: a per
# cent sign, a currency sign or a unit of up to three words, and a full stop. A word such as "or" or "hundred" is no
# unit, since it makes another number. A `\boxed{...}` around everything is taken off. Anything else is not read.
#
# First the numbers. Accepted, rejected, and odd ones:

# %%
accepted = ["26", "26.0", "26.", "$26", "1,000", "1 000", "-3", "\u22123", "1/2", ".5"]
accepted += ["60 %", "3 hours", "26 large red apples", r"\boxed{72}"]
rejected = ["", "26 or 27", "20+6=26", "twenty", "10,00", "1e3", "1_000", "0x1A", "nan", "26 hundred", "1/0"]
rejected += ["she has 26 apples", "26 apples in a box"]
print("accepted:", {text: str(read_number(text)) for text in accepted})
print("rejected:", {text: read_number(text) for text in rejected})
print("0.1 + 0.2 == 0.3 as floats:", 0.1 + 0.2 == 0.3)
print("0.30 == 3/10 as read here: ", read_number("0.30") == read_number("3/10"))

# %% [markdown]
# "26 or 27" is refused because a model that may hedge will hedge. Numbers are compared as exact fractions, not as
# floats and not as strings, so that `0.30`, `.3` and `3/10` are one number.
#
# Now whole completions, with gold answer 26:

# %%
good = ROLLOUTS["reasons, right"]
probes = {
    "as asked": good,
    "text in front": "Sure! " + good,
    "text behind": good + " Done.",
    "another spelling of 26": good.replace(">26<", ">$26.00<"),
    "blank reasoning": "<reasoning> </reasoning><answer>26</answer>",
    "reasoning left open": good.replace("</reasoning>", ""),
    "blocks swapped": "<answer>26</answer><reasoning>12+5=17</reasoning>",
    "two answers": good + "<answer>27</answer>",
    "capital tags": good.replace("answer", "ANSWER"),
    "right number, no tags": "The answer is 26.",
    "sentence in the answer": good.replace(">26<", ">she has 26 apples<"),
    "empty text": "",
}


def probe(text, **options):
    found = grade(text, GOLD, task="toy_math", **options)
    return {"well formed": found.well_formed, "right": found.correct, "answer read": found.answer}


table = {name: probe(text) for name, text in probes.items()}
table["as asked, but cut off"] = probe(good, ended=False)
display(pd.DataFrame(table).T)

# %% [markdown]
# Compare each row with the first, *as asked*:
#
# - *Text in front*, *text behind*, *blank reasoning*, *reasoning left open* and *cut off* lose the form only. The
#   answer can still be read.
# - *Another spelling of 26* loses nothing.
# - *Sentence in the answer* loses only the right answer: the form is full, but words stand before the number.
# - *Blocks swapped* and *two answers* lose both. There is **no** answer at all, whatever the numbers say. The same
#   holds where the answer tags are missing (*capital tags*, *right number, no tags*, *empty text*).
#
# None of these decisions is a law of nature, but each has a reason, and chapter 5 attacks them one by one.

# %% [markdown]
# ## A first reward
#
# A reward in TRL is a plain function. It gets the completions of a batch and every column of the dataset as
# keywords, and gives back one number per completion. `**columns` swallows what the function does not need.
#
# Here is an honest first attempt, without the library: 1 point for the right answer, 0.5 for the form.

# %%
TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")


def first_reward(completions, answer, **columns):
    """1.0 for the right answer in the answer tags, plus 0.5 for the form. One number per completion."""
    rewards = []
    for text, gold in zip(completions, answer, strict=True):
        text = text.strip()
        once = all(text.count(tag) == 1 for tag in TAGS)
        formed = once and text.startswith("<reasoning>") and text.endswith("</answer>")
        found = text.partition("<answer>")[2].partition("</answer>")[0].strip()
        rewards.append(1.0 * (found == gold) + 0.5 * formed)
    return rewards


first_reward(completions=[good], answer=["26"])

# %% [markdown]
# After defining a reward, probe it at once: something it must accept, something it must reject, something odd.

# %%
print("accept:", first_reward([good, "<answer>26</answer>"], ["26", "26"]))
print("reject:", first_reward(["The answer is 26.", good.replace(">26<", ">27<")], ["26", "26"]))
print("odd:   ", first_reward(["", "<answer>", "</answer>26<answer>"], ["26"] * 3))

# %% [markdown]
# So far so good. Now on the probes from above, beside the library's suite `starter`, which has the same weights:

# %%
suite = get_suite("starter")


def library_reward(completions, answer, **columns):
    parts = [reward(completions=completions, answer=answer, **columns) for reward in suite.rewards]
    return [sum(w * p for w, p in zip(suite.weights, each, strict=True)) for each in zip(*parts, strict=True)]


table = pd.DataFrame(index=list(probes))
table["first reward"] = first_reward(list(probes.values()), [GOLD] * len(probes))
table["library"] = library_reward(list(probes.values()), [GOLD] * len(probes))
table["differ"] = np.where(table["first reward"] != table["library"], "<-- here", "")
display(table)

# %% [markdown]
# Each marked row is a lesson, and each would be found by a training run sooner or later:
#
# - *Another spelling of 26*: strings are compared, not numbers. A right answer is punished.
# - *Blank reasoning*: the form is paid for without any reasoning. The cheapest way to 1.5 points, so the policy
#   goes there.
# - *Blocks swapped*: answering first and reasoning afterwards is not reasoning.
# - *Two answers*: `first_reward` reads the first pair of tags and no further. So a completion that hedges is paid,
#   although it says two things.
#
# The library's version is longer for these reasons and four more:
#
# - completions may arrive as messages (`[{"role": "assistant", "content": ...}]`), since TRL passes them like
#   that for chat prompts;
# - a completion that was cut off is not well formed; TRL passes the token ids, and the last one says whether it
#   ended;
# - it never raises, whatever the model writes, because one exception would end a run of hours;
# - its time grows linearly with the length of the text: a careless regular expression can hang on a megabyte of
#   `<`.
#
# Form and correctness are two functions there, so that TRL logs a curve for each.

# %% [markdown]
# ## The toy rollouts
#
# You saw these rewards in chapter 2. Now you know where they come from.

# %%
columns = {"completions": list(ROLLOUTS.values()), "answer": [GOLD] * 4, "task": ["toy_math"] * 4}
table = pd.DataFrame({f.__name__: f(**columns) for f in suite.rewards}, index=list(ROLLOUTS))
table["total (weights " + ", ".join(f"{w:g}" for w in suite.weights) + ")"] = library_reward(**columns)
table["first reward"] = first_reward(**columns)
display(table)

chat = [[{"role": "assistant", "content": text}] for text in ROLLOUTS.values()]
assert library_reward(**columns | {"completions": chat}) == library_reward(**columns)
try:
    first_reward(chat, [GOLD] * 4)
except AttributeError as error:
    print("first_reward, given messages:", error)

# %% [markdown]
# On these four texts both rewards agree: well-behaved examples do not tell a good reward from a bad one. And the
# last line shows that the first reward could not even be handed to TRL as it is.

# %% [markdown]
# ## The real thing: GSM8K
#
# GSM8K (Cobbe et al. 2021, MIT licence) holds 8.5 thousand grade-school problems written by people, each with a
# worked answer that ends in `#### gold`. The tiny model cannot read them, but Gemma 3 1B can, and the code is the
# same.
#
# The next cell takes a local copy if `COURSE_DATA` is set, else the Hugging Face Hub if it answers, else says
# what to do.


# %%
def hub_answers():
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return False
    try:
        urlopen(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), timeout=5).close()
        return True
    except OSError:
        return False


local = gsm8k.local_folder()
problems = {}
if local is None and not hub_answers():
    print("There is no local copy and the Hub does not answer: this section stays empty.")
    print("To see it, set COURSE_DATA to a folder that holds gsm8k/train.jsonl and gsm8k/test.jsonl.")
else:
    try:
        problems = {split: gsm8k.load(split) for split in ("train", "validation", "test")}
        print({split: len(found) for split, found in problems.items()}, "from", local or gsm8k.HUB_NAME)
        print("no test question among the training questions:", check_leakage(problems["train"], problems["test"]))
    except DataError as error:
        print("GSM8K is not available:", error)

if problems:
    example = problems["train"][0]
    print("\n" + example["question"], "\n\n" + example["worked"], f"\n\ngold: {example['answer']!r}")

# %% [markdown]
# The marks `<<48/2=24>>` were notes to a calculator used while the data was made. A model that imitates the
# worked answers would learn to write them; in GRPO nobody sees them, so they need no cleaning.
#
# Loading has already parsed every gold answer: one that was missing or not a number would have been an error
# naming its row. What do they look like?

# %%
if problems:
    every = [row for part in problems.values() for row in part]
    gold = np.array([float(read_number(row["answer"])) for row in every])
    marks = Counter(min(row["worked"].count("<<"), 9) for row in every)
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.2))
    axes[0].bar(list(marks), list(marks.values()), color="0.75", edgecolor="black", hatch="//")
    axes[0].set(xticks=range(10), xlabel="calculator marks in the worked answer (9: nine or more)", ylabel="problems")
    axes[1].hist(gold[gold > 0], bins=np.logspace(0, 6, 37), color="0.6", edgecolor="black", linewidth=0.4)
    axes[1].set(xscale="log", xlabel="gold answer (logarithmic)", ylabel="problems")
    fig.tight_layout()
    plt.show()
    print(f"{len(gold)} gold answers, {np.sum(gold <= 0)} are 0 or below, {np.sum(gold > 1e6)} above a million")
    print("with a thousands comma in the data:", sum("," in r["worked"].rpartition("####")[2] for r in every))

# %% [markdown]
# *Picture (when the data is there): left, how many calculator marks a worked answer has, mostly two to four;
# right, the gold answers on a logarithmic scale, most of them between 1 and 1,000.*
#
# The left panel is a measure of difficulty: each mark is a step. Compare with three to five steps in `toy_math`.
# The right panel shows why the grader must read thousands commas and currency signs: people write large numbers
# like that, and so do models.

# %% [markdown]
# ## What is passed on
#
# The rows of this preset go into two files, with the settings that they were drawn with. Chapters 5 to 7 read
# them and draw anew, saying so, if the settings no longer fit.

# %%
folder = save_rows(run, settings, seed, rows)
print(f"{len(rows['train'])} training and {len(rows['test'])} test rows of {settings.task} written to {folder}")

# %% [markdown]
# ## What to remember
#
# - A task is questions, checkable gold answers, a split and a grader. The gold never reaches the model.
# - Let the problem itself decide its split, by a hash; then prove it, and prove the proof by planting a leak.
# - Prompts come from one place. `<bos>` once, tags as ordinary text.
# - *Well formed* and *right* are separate, exact and written down. One grader serves training and evaluation.
# - A reward is a plain function. Probe it as soon as it is written: accepted, rejected, odd.
#
# ## Exercises
#
# Open `exercises/03_data_and_rewards.ipynb`: a reward that pays for each tag, and a split that stays put.
#
# ## Next
#
# Chapter 4, `04_model_and_lora`: the model that will earn these rewards, and the small adapter that is trained.
