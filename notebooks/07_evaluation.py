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
# # 7. Evaluation

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/notebooks/07_evaluation.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/notebooks/07_evaluation.ipynb)

# %% [markdown]
# After this chapter you will be able to
#
# - measure a model before and after training on the same held-out problems, greedy and sampled;
# - put an interval around a rate, and say how many problems a claim needs;
# - test a difference on paired answers;
# - read transcripts, the failures among them, and say what changed besides the score.
#
# **Time**: about half a minute of computing on two CPU cores with the preset `laptop`, 20 minutes of reading.
# **Needs**: the adapter of chapter 6. Where you have not run it, the course's own adapter is used.

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
from math import comb, sqrt

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display

from course_lib.artifacts import Run, read_json, write_json
from course_lib.evaluation import STRATEGIES, evaluate, generate, results, summarise
from course_lib.grading import grade
from course_lib.models import load_adapter, load_model, load_tokenizer
from course_lib.plots import before_after_figure
from course_lib.presets import get_preset
from course_lib.prompts import build_prompt
from course_lib.rollouts import GOLD, QUESTION, ROLLOUTS
from course_lib.statistics import mcnemar_exact, wilson
from course_lib.tasks import saved_rows

pd.set_option("display.width", 180, "display.max_columns", 12)
settings = get_preset(preset)
run = Run(settings.name)
folder = run.chapter("07_evaluation")

# %% [markdown]
# ## What is measured
#
# The training reward is not a result. It is measured on training prompts, on sampled completions, and the policy
# changes while it is measured. A result needs four decisions, taken before looking:
#
# - **the same held-out problems** for the base model and the trained model. They are disjoint from the training
#   problems (chapter 3), and they do not depend on the seed;
# - **the same prompt and the same grader** as in training, from the same two functions;
# - **the decoding**: *greedy* takes the likeliest token at every step, so there is one answer a model. *Sampled*
#   draws at temperature 1, as the rollouts did. Both are reported;
# - **two rates**: *accuracy* (right answer in the answer tags) and *format* (the whole completion is well formed).

# %%
adapter = run.find("06_training/adapter")
training = read_json(adapter.parent / "run.json")
rows = saved_rows(run, settings, seed, "test")
tokenizer = load_tokenizer(settings.model)
options = {
    "max_new_tokens": settings.max_completion_length,
    "temperature": settings.temperature,
    "seed": seed,
    "batch_size": settings.eval_batch,
}
print(f"{len(rows)} held-out problems; the adapter was trained for {training['steps']} steps")

# %% [markdown]
# ## Before
#
# `evaluate` asks the model every question once and grades the answers. One row a problem comes back.

# %%
base = load_model(settings.model)
before = {strategy: evaluate(base, tokenizer, rows, strategy, **options) for strategy in STRATEGIES}
display(before["greedy"][["gold", "answer", "correct", "well_formed", "length", "ended"]].head())

# %% [markdown]
# ## After
#
# The trained model is the base model with the adapter on top.

# %%
trained = load_adapter(load_model(settings.model), adapter)
after = {strategy: evaluate(trained, tokenizer, rows, strategy, **options) for strategy in STRATEGIES}
rates = {
    (strategy, who): {"right": table["correct"].mean(), "well formed": table["well_formed"].mean()}
    for strategy in STRATEGIES
    for who, table in (("base", before[strategy]), ("trained", after[strategy]))
}
display(pd.DataFrame(rates).T.round(3))

# %% [markdown]
# ## How sure is a rate?
#
# With k right answers out of n, the rate is k/n. Another draw of n problems would have given another rate. The
# textbook's interval, $\hat p \pm 1.96\sqrt{\hat p(1-\hat p)/n}$, fails where we need it: at 0 right out of n its
# width is 0, as if we were certain. That is just the situation of a base model that never answers in form.
#
# Wilson's interval asks the better question: *which true rates p would make what we saw unsurprising?* Those for
# which the distance to $\hat p$ is at most 1.96 standard deviations **of p itself**:
#
# $$|\hat p - p| \le z\sqrt{p(1-p)/n}$$
#
# Squared, this is a quadratic in p, and its two solutions are the ends of the interval.


# %%
def wilson_by_hand(right, n, z=1.96):
    """The two p that solve (rate - p)^2 = z^2 p (1 - p) / n."""
    rate = right / n
    a = 1 + z**2 / n
    b = -(2 * rate + z**2 / n)
    c = rate**2
    root = sqrt(max(0.0, b**2 - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


for right, n in [(0, 16), (8, 16), (256, 512), (0, 512)]:
    low, high = wilson_by_hand(right, n)
    library = " to ".join(f"{end:.3f}" for end in wilson(right, n))
    print(f"{right:>3} of {n:>3}: {low:.3f} to {high:.3f}; the library says {library}")

# %% [markdown]
# Even 0 right answers leave room for a rate above 0, and the more problems, the less room. How fast does an interval
# shrink?

# %%
sizes = np.unique(np.geomspace(10, 3000, 40).astype(int))
figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for rate, style in ((0.5, "-"), (0.9, "--")):
    ends = [wilson_by_hand(rate * n, n) for n in sizes]
    axis.plot(sizes, [50 * (high - low) for low, high in ends], "k", linestyle=style, label=f"rate near {rate:.0%}")
axis.axvline(len(rows), color="0.5", linestyle=":", label=f"this evaluation, n = {len(rows)}")
axis.set(xscale="log", ylim=(0, None), xlabel="number of problems n", ylabel="half the interval (points)")
axis.set_xticks([10, 30, 100, 300, 1000, 3000], ["10", "30", "100", "300", "1000", "3000"])
axis.grid(alpha=0.3)
axis.legend()
plt.show()

# %% [markdown]
# *The picture: half the width of the 95 % interval, in percentage points, against the number of problems on a
# logarithmic axis, for rates near 50 % (solid) and near 90 % (dashed). Both fall; a dotted line marks this
# evaluation.*
#
# The width falls with the square root of n: **four times as many problems for half the width.** Two runs that
# differ by a few points on a hundred problems have not been told apart. "We looked at one prompt, and it was
# better" is n = 1.

# %% [markdown]
# ## Before against after, paired
#
# Both models answered the same problems. So do not compare two rates as if they came from different exams: compare
# problem by problem. Those that both got right, or both got wrong, say nothing about the difference. The others do.

# %%
was, now = before["greedy"]["correct"], after["greedy"]["correct"]
names = {False: "wrong", True: "right"}
counts = pd.crosstab(was.map(names).rename("base model"), now.map(names).rename("trained model"))
display(counts.reindex(index=["right", "wrong"], columns=["right", "wrong"], fill_value=0))
fixed, broken = int((~was & now).sum()), int((was & ~now).sum())
print(f"fixed (wrong, then right): {fixed}; broken (right, then wrong): {broken}")

# %% [markdown]
# If training had changed nothing, each changed problem would be *fixed* or *broken* with the toss of a fair coin.
# McNemar's exact test asks how probable a split at least as uneven as this one is. That is a sum of binomial terms.


# %%
def mcnemar_by_hand(fixed, broken):
    """Two-sided: twice the smaller tail of a fair coin tossed fixed + broken times, at most 1."""
    tosses = fixed + broken
    tail = sum(comb(tosses, k) for k in range(min(fixed, broken) + 1)) / 2**tosses
    return min(1.0, 2 * tail)


ours, library = mcnemar_by_hand(fixed, broken), mcnemar_exact(fixed, broken)
print(f"this evaluation: p = {ours:.2g} (library: {library:.2g})")
for pair in [(6, 2), (12, 4), (24, 8), (48, 16)]:
    print(f"fixed {pair[0]:>2}, broken {pair[1]:>2}: p = {mcnemar_by_hand(*pair):.4f}")

# %% [markdown]
# The last four lines all have three problems fixed for one broken. With 8 changed problems that may well be chance.
# With 64 it is not. A small p says that the difference is not luck *of the draw of problems*. It does not say that
# the difference is large (look at the rates), nor that another training seed would give the same.

# %% [markdown]
# ## The result
#
# `results` puts all of it into one file: the rates with their intervals, the paired test, and what was trained. It
# refuses if the two tables are of different problems. It also refuses if every completion is the same, word for
# word: that is what you get when an adapter was never loaded, and the base model was measured twice.

# %%
measured = results(settings, seed, training["steps"], training["train_seconds"], before, after)
for place in (folder / "results.json", run.root / "results.json"):
    write_json(place, measured)
for when, tables in (("before", before), ("after", after)):
    for strategy, table in tables.items():
        table.to_csv(folder / f"{when}_{strategy}.csv", index=False)
figure = before_after_figure(measured)
plt.show()

# %% [markdown]
# *The picture: four pairs of bars in percent: accuracy greedy and sampled, format greedy and sampled. Light hatched
# bars are the base model, dark ones the trained model; thin lines are the 95 % intervals, numbers the rates.*
#
# Read it in this order. **Do the intervals overlap?** If not, the two rates differ. If they do, ask the
# paired test, which is sharper. **Greedy against sampled**: in the base model, a behaviour that greedy decoding
# never shows may yet appear in some samples. GRPO can only reward what is sampled, so it lives on exactly that.
# In the trained model the two lie closer together where the policy has made up its mind.

# %% [markdown]
# ## Where is it right?
#
# One rate over all problems may hide a slope. The next cell takes the sampled answers, and sorts the problems by the
# number of steps that they need.


# %%
def by_steps(axis, table, style, label):
    """Accuracy with its interval for each number of steps."""
    shift = -0.05 if label == "base" else 0.05
    for steps, part in table.groupby("steps"):
        one = summarise(part)
        low, high = (100 * end for end in one["accuracy_interval"])
        axis.plot([steps + shift] * 2, [low, high], "k-", linewidth=1)
    means = 100 * table.groupby("steps")["correct"].mean()
    axis.plot(means.index + shift, means, style, color="black", label=label)


if before["sampled"]["steps"].notna().all():
    figure, axis = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
    by_steps(axis, before["sampled"], "s--", "base")
    by_steps(axis, after["sampled"], "o-", "trained")
    asked = before["sampled"]["steps"].value_counts().sort_index()
    axis.set_xticks(asked.index, [f"{steps}\n(n = {n})" for steps, n in asked.items()])
    axis.set(xlabel="steps in the problem", ylabel="right, sampled (%)", ylim=(0, 103))
    axis.legend()
    plt.show()
    guessed = 100 * before["greedy"].groupby("steps")["correct"].mean()
    print("base, greedy:", ", ".join(f"{steps} steps {rate:.1f} %" for steps, rate in guessed.items()))

# %% [markdown]
# *The picture: the share of right sampled answers against the number of steps, base model dashed with squares,
# trained model solid with dots, thin vertical lines for the intervals. The number of problems stands below each
# number of steps.*
#
# The intervals are wider than before: each point has only its share of the problems. The greedy answers of the base
# model are all guesses made at once. The printed line shows that guessing is right about as rarely at 3 steps as at 5.
# Step by step the model is nearly always right (with `laptop`). What is still lost here is mostly the price of
# sampling: each line is one more chance to draw a bad token, so expect the longest problems to lose most. Do the
# intervals let you say so?

# %% [markdown]
# ## What else changed: the length

# %%
figure, axis = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
bins = np.arange(0, settings.max_completion_length + 4, 4)
looks = {"base": {"hatch": "//", "facecolor": "0.9"}, "trained": {"facecolor": "0.4", "alpha": 0.75}}
for label, table in (("base", before["sampled"]), ("trained", after["sampled"])):
    axis.hist(table["length"], bins, edgecolor="black", label=label, **looks[label])
    length = table.groupby("correct")["length"].mean()
    print(
        f"{label:>8}: mean {table['length'].mean():.1f} tokens;",
        ", ".join(f"{'right' if right else 'wrong'} {mean:.1f}" for right, mean in length.items()),
    )
axis.set(xlabel="length of a sampled completion (tokens)", ylabel="completions")
axis.legend()
plt.show()

# %% [markdown]
# *The picture: two histograms of the length of sampled completions in tokens, base model light and hatched, trained
# model dark.*
#
# A base model with two habits shows two humps: short completions that blurt a number, longer ones that work it out.
# GRPO has not taught a new skill here so much as a new habit: it moves probability from the first hump to the
# second, since that is where the rewards were. No reward asked for length. The printed means show the link:
# compare the length of right and wrong completions of the base model.

# %% [markdown]
# ## Read the transcripts
#
# Rates say how often, transcripts say what. Read failures too, above all the broken ones. A well trained policy hardly
# fails in greedy decoding, so look at the *sampled* completions. The next cell shows the first problem of each kind,
# if there is one.


# %%
def show(kind, right_before, right_after):
    """Question, gold and both sampled completions of the first problem of a kind."""
    one, other = before["sampled"], after["sampled"]
    found = one.index[(one["correct"] == right_before) & (other["correct"] == right_after)]
    print(f"===== {kind}: {len(found)} of {len(one)}")
    if len(found):
        print(f"{one['question'][found[0]]}  [gold: {one['gold'][found[0]]}]")
        print(f"--- base\n{one['completion'][found[0]]}\n--- trained\n{other['completion'][found[0]]}\n")


show("fixed", False, True)
show("broken", True, False)
show("still wrong", False, False)
show("right before and after", True, True)

# %% [markdown]
# In the *broken* and *still wrong* ones, find the first thing that went wrong. Was a sentence of the question misread?
# Is the arithmetic wrong? Is the reasoning right and the answer not copied from it? Did the form break, or did the
# model blurt a number after all? These need different cures. The rewards saw only the final answer and the form, not
# the lines between, so they could not tell the first three apart.
#
# Now the question that has travelled through the course, with its four toy rollouts. They were written by hand.
# What do the two models write?

# %%
print(QUESTION, f"[gold: {GOLD}]")
for label, text in ROLLOUTS.items():
    found = grade(text, GOLD)
    print(f"{label:>16}: correct {found.correct}, well formed {found.well_formed}")
for label, model in (("base", base), ("trained", trained)):
    answer = generate(model, tokenizer, [build_prompt(QUESTION)], max_new_tokens=settings.max_completion_length)[0]
    found = grade(answer.text, GOLD, ended=answer.ended)
    print(f"\n--- {label}: correct {found.correct}, well formed {found.well_formed}\n{answer.text}")

# %% [markdown]
# Which of the four toy rollouts does each completion resemble? (The base model's has the form of one of them, but is
# it right?)
#
# ## What this evaluation does not show
#
# - **One seed.** The intervals cover the draw of the problems, not the draw of the training run. Train with other
#   seeds before you compare two settings.
# - **One kind of problem.** Held-out problems come from the same generator or data set. Nothing is said about others.
# - **Answers, not reasons.** A right answer after a wrong line counts as right.
# - **Tiny, not Gemma 3 1B.** With `laptop`, the base model already knows how to work a problem out and mostly does
#   not. How much GRPO gains on a large model depends on what that model can already do under *your* prompt. So
#   measure your own baseline; published figures were measured with other prompts.
# - **The test set wears out.** Choose settings on validation problems. Every look at the test problems that changes
#   a decision makes them a little more like training problems.

# %%
print(f"Written: {', '.join(sorted(p.name for p in folder.iterdir()))} in {folder}, results.json in {run.root} too")

# %% [markdown]
# ## What to remember
#
# - Same problems, same prompt, same grader, before and after; decide on the decoding beforehand.
# - A rate without n and an interval is an anecdote. Half the width costs four times the problems.
# - Compare paired: count what was fixed and what was broken, then ask whether a coin could have done it.
# - Read transcripts of every kind, failures first.
#
# ## Exercises
#
# `exercises/07_evaluation`: find out how many problems a claim needs; estimate pass@k without bias.
#
# ## Next
#
# Chapter 8 merges the adapter into the model, saves it, and proves that the saved model is the one measured here.
