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
# - put an interval around a rate, and say beforehand how many problems a claim needs;
# - test a difference on paired answers, and say where a gain comes from;
# - tell pass@k from maj@k, and one training seed from three;
# - read transcripts, the failures among them, and say what changed besides the score.
#
# **Time**: about a minute and a half of computing on two CPU cores with the preset `laptop`, 30 minutes of reading.
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

from course_lib.alt_texts import gain_alt, rollouts_alt
from course_lib.artifacts import Run, read_json, recorded_runs, write_json
from course_lib.evaluation import MEASURED, evaluate, log_probability, results, save_tables
from course_lib.metrics import COVERS, changes, details, over_seeds
from course_lib.models import load_adapter, load_model, load_tokenizer
from course_lib.plots import before_after_figure, gain_figure, rollouts_figure
from course_lib.presets import get_preset
from course_lib.prompts import build_prompt
from course_lib.report import known_suite
from course_lib.rollouts import EXAMPLES
from course_lib.samples import pass_and_majority
from course_lib.statistics import mcnemar_exact, paired_difference, questions_needed, wilson
from course_lib.strategies import STRATEGIES
from course_lib.summary import seed_rows
from course_lib.sweeps import compare_settings, prompt_settings, strategy_settings
from course_lib.tasks import saved_rows
from course_lib.transcripts import transcripts

pd.set_option("display.width", 180, "display.max_columns", 12)
settings = get_preset(preset)
run = Run(settings)
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
# - **the decoding**: *greedy* takes the likeliest token at every step, so there is one answer per model. *Sampled*
#   draws at temperature 1, as the rollouts did. Both are reported; other strategies come at the end;
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
# `evaluate` asks the model every question once and grades the answers. One row per problem comes back. It takes any
# model of transformers, or a function from prompts to completions; chapter 8 measures an exported file with one.

# %%
base = load_model(settings.model)
before = {strategy: evaluate(base, tokenizer, rows, strategy, **options) for strategy in MEASURED}
display(before["greedy"][["gold", "answer", "correct", "well_formed", "length", "ended"]].head())

# %% [markdown]
# ## After
#
# The trained model is the base model with the adapter on top. Were the adapter still where it began, `evaluate` would
# refuse: an adapter that has not moved is the base model under another name.

# %%
trained = load_adapter(load_model(settings.model), adapter)
after = {strategy: evaluate(trained, tokenizer, rows, strategy, **options) for strategy in MEASURED}
rates = {
    (strategy, who): {"right": table["correct"].mean(), "well formed": table["well_formed"].mean()}
    for strategy in MEASURED
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
# which the distance to $\hat p$ is at most 1.96 standard deviations, worked out **with p, not with $\hat p$**:
#
# $$|\hat p - p| \le z\sqrt{p(1-p)/n}, \qquad z = 1.96$$
#
# (A normal variable stays within 1.96 standard deviations of its mean 95 % of the time: hence a "95 % interval".)
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
axis.legend(loc="lower left")
plt.show()

# %% [markdown]
# *The picture: half the width of the 95 % interval, in percentage points, against the number of problems on a
# logarithmic axis, for rates near 50 % (solid) and near 90 % (dashed). Both fall; a dotted line marks this
# evaluation.*
#
# The width falls as one over the square root of n: **four times as many problems for half the width.** Two runs that
# differ by a few points on a hundred problems have not been told apart. "We looked at one prompt, and it was
# better" is n = 1.
#
# ### How many problems, then?
#
# Say so before you measure. The *power* of a comparison is the probability that a difference that is really there
# shows: that a test calls it too large for chance (p < 0.05; the next section has such a test). How many problems give a
# power of 80 %? Once, each model answers problems of its own; once, both answer the same ones, and on only a share of
# them, 30 % or 10 %, one model is right and the other wrong.

# %%
lines = {}
for base_rate, better in ((0.50, 0.55), (0.50, 0.60), (0.90, 0.95)):
    gap = better - base_rate
    lines[f"{base_rate:.0%} against {better:.0%}"] = {
        "of their own (for each model)": questions_needed(base_rate, better),
        "the same, 30 % change": questions_needed(base_rate, better, 0.3) if base_rate < 0.6 else None,
        "the same, 10 % change": questions_needed(base_rate, better, max(0.1, gap)),
    }
display(pd.DataFrame(lines).T.astype("Int64"))

# %% [markdown]
# Five points need hundreds of problems, or well over a thousand. Asking both models the same problems saves the more,
# the fewer answers change: what both get right, or both wrong, makes no noise. (Nine in ten against nineteen in
# twenty leaves no room for 30 % of changes.)

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
# If training had made the model neither better nor worse, each changed problem would be *fixed* or *broken* with the
# toss of a fair coin.
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
# With 64 hardly. A small p says that luck in the draw of problems would seldom give a split this uneven. It does not
# say that the difference is large, nor that another training seed would give the same.
#
# How large is it? The *paired bootstrap* draws the problems again, with repetition, as many as there are, each with
# both of its answers, and takes the difference anew. The middle 95 % of a thousand such differences are an interval.

# %%
rng = np.random.default_rng(seed)
gains = now.to_numpy(dtype=float) - was.to_numpy(dtype=float)  # -1 broken, 0 unchanged, 1 fixed
redrawn = [rng.choice(gains, len(gains)).mean() for _ in range(1000)]
low, high = np.quantile(redrawn, (0.025, 0.975))
print(f"by hand:     {100 * gains.mean():+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}")
gain, low, high = paired_difference(was, now)
print(f"the library: {100 * gain:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}")
print("(It draws 2000 times, with other random numbers: the last digit may differ.)")

# %% [markdown]
# ## The result
#
# `results` puts all of it into one file: the rates with their intervals, the paired test, and what was trained. It
# refuses if the two tables are of different problems. It also refuses if every completion is the same, word for
# word: that is what you get when an adapter was never loaded, and the base model was measured twice.

# %%
measured = results(settings, training["seed"], training["steps"], training["train_seconds"], before, after)
for place in (folder / "results.json", run.root / "results.json"):
    write_json(place, measured)
save_tables(folder, before, after)
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
# ## Where does the gain come from?
#
# Two questions about one number. **Which reward?** The mean reward is the weighted sum of its components' means, and the
# table and the left panel take it apart: exactly, nothing is left over. **Which problems?** One rate over all problems
# may hide a slope; the right panel sorts them by the number of steps that they need (where a task does not count
# steps, by the words of the question). `details` works both out from the tables, for the sampled answers.

# %%
more = details(before, after, known_suite(training["suite"]), settings.task)
write_json(folder / "details.json", more)
if more["sampled"]["components"]:
    parts = pd.DataFrame(more["sampled"]["components"]).set_index("name")
    display(parts.rename(columns={"low": "gain, 95 % low", "high": "gain, 95 % high"}).round(3))
figure = gain_figure(more["sampled"])
plt.show()
print(gain_alt(more["sampled"]))

# %% [markdown]
# *The picture, told in the printed line: left, stacked bars of the mean reward, one part per component, for the base and
# the trained model; right, the share of right sampled answers by the problem's length, base model dashed with squares,
# trained model solid with dots, thin vertical lines for the intervals.*
#
# Compare each component's gain times its weight with the composite's: form is cheap to learn, and where its weight is
# high it can make up most of a gain that sounds like progress. So never report the composite alone.
#
# In the right panel the intervals are wider than before: each point has only its share of the problems. Step by step
# the model is nearly always right (with `laptop`). What is still lost is mostly the price of sampling: each line is one
# more chance to draw a bad token, so expect the longest problems to lose most. Do the intervals let you say so? Where
# they overlap, they do not, and there is no paired test to ask: these are different problems. Plausible, not shown.

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
# model dark. Where bars overlap, the hatch shines through.*
#
# A base model with two habits shows two humps: short completions that blurt a number, longer ones that work it out.
# GRPO has not taught a new skill here so much as a new habit: it moves probability from the first hump to the
# second, since that is where the rewards were. No reward asked for length. The printed means show the link:
# compare the length of right and wrong completions of the base model.

# %% [markdown]
# ## Several tries: pass@k and maj@k
#
# A model that is sampled may try more than once. Two rates are easily mixed up, and published as one:
#
# - **pass@k**: at least one of k tries is right. It says what the model *can* do, and needs someone who knows which try
#   is right. GRPO lives on it: only what is sampled can be rewarded;
# - **maj@k**: the most frequent answer of k tries is right. Anyone can use that, without knowing the solution.
#
# The next cell draws eight answers to each of a few problems. (The exercises derive the formula for pass@k. For maj@k, a
# tie counts by its share of right answers, and a completion without an answer has no vote.)

# %%
few = rows[: max(4, settings.eval_problems // 16)]
tries = {
    who: evaluate(model, tokenizer, few, "sampled", samples=8, **options)
    for who, model in (("base", base), ("trained", trained))
}
shown = {who: pass_and_majority(table, settings.task) for who, table in tries.items()}
print(f"{len(few)} problems, 8 answers to each; _low and _high are the ends of the 95 % interval")
display(pd.concat(shown, axis=1).round(2))

# %% [markdown]
# With k = 1 the two are the same. In the base model (with `laptop`) pass@k runs ahead of maj@k: the right answer is
# among the tries long before it is the most frequent one. With more tries the majority catches up, since guesses scatter
# and right answers agree; it costs that many times the tokens. What lies between pass@1 and pass@k is what GRPO
# has to work with: in the trained model pass@1 is near the base model's pass@8. Training has made a habit of what the
# model could do now and then. Calling pass@8 "accuracy" would have hidden all of it.

# %% [markdown]
# ## Read the transcripts
#
# Rates say how often, transcripts say what. Read failures too, above all the broken ones. A well trained policy hardly
# fails in greedy decoding, so look at the *sampled* completions: how many of each kind there are, then the first
# of each.

# %%
found = changes(before["sampled"], after["sampled"])
print(found["change"].value_counts().to_string(), "\n")
chosen = transcripts(before["sampled"], after["sampled"], most=4)
display(chosen)

# %% [markdown]
# In the *broken* and *still wrong* ones, find the first thing that went wrong. Was a sentence of the question misread?
# Is the arithmetic wrong? Is the reasoning right and the answer not copied from it? Did the form break, or did the
# model blurt a number after all? These need different cures. The rewards saw only the final answer and the form, not
# the lines between, so they could not tell the first three apart.
#
# `found[found["change"] == "broken"]` lists all of a kind.
#
# Now the question that has travelled through the course, with its four toy rollouts, written by hand. We need not wait
# until a model writes one of them: `log_probability` says how likely each is, before and after.

# %%
example, toys = EXAMPLES[settings.kind]
prompt = build_prompt(example["question"], kind=settings.kind, options=example.get("options"), style=settings.style)
likely = pd.DataFrame(
    {
        who: log_probability(m, tokenizer, prompt, list(toys.values()))
        for who, m in (("base", base), ("trained", trained))
    },
    index=list(toys),
)
likely.to_csv(folder / "rollouts.csv")
figure = rollouts_figure(likely)
plt.show()
print(rollouts_alt(likely))

# %% [markdown]
# *The picture, told in the printed line: for each toy rollout an arrow from a white square, the base model's
# log-probability, to a black dot, the trained model's.*
#
# A log-probability of -2 nats is a probability of 14 %, -0.02 one of 98 %. This is GRPO's whole effect in four arrows
# (with `laptop`). The rollout that reasons and is right moves up; the two that answer at once fall far behind, *though
# both name the right number*: the guess in tags because most such guesses are wrong, the one without tags because it is
# never paid. A habit is rewarded or punished as a whole. And the one that slips gains with its form. It stays rare
# as long as the arithmetic holds, but nothing in the reward looks at the line where it went wrong.

# %% [markdown]
# ## Other settings: strategies and prompts
#
# All of this was measured under one prompt, greedy and at temperature 1. Other strategies draw from fewer tokens, or
# change their odds: the *temperature* divides the scores (chapter 4), *top-p* keeps the likeliest tokens that together
# have this probability, *top-k* the so many likeliest ones (0: all).

# %%
drawn = {name: STRATEGIES[name] for name in ("greedy", "conservative", "standard", "sampled", "creative")}
display(
    pd.DataFrame({n: {"temperature": s.temperature, "top-p": s.top_p, "top-k": s.top_k} for n, s in drawn.items()}).T
)

# %% [markdown]
# `compare_settings` asks the same few problems under each. Drawn strategies run five times, so that `agreement` can
# say how often two runs give the same answer; `worst` and `best` show how far five runs of one and the same model
# lie apart. `low` to `high` is the 95 % interval, `length_10` to `length_90` the lengths between which four in five lie.

# %%
sizes = {"max_new_tokens": settings.max_completion_length, "seed": seed, "batch_size": settings.eval_batch}
columns = ["accuracy", "low", "high", "worst", "best", "agreement", "format", "length", "length_10", "length_90"]
print(f"{len(few)} problems")
for who, model in (("base", base), ("trained", trained)):
    print(who)
    table = compare_settings(model, tokenizer, few, strategy_settings(tuple(drawn)), runs=5, **sizes)
    display(table[columns].astype(float).round(2))

# %% [markdown]
# The trained model loses a little with each step away from greedy. For the base model it is the other way
# round (with `laptop`): greedy decoding shows its commonest habit, guessing, and only warmth lets it reason now and
# then. So "greedy is best" is a fact about a model, not about decoding.
#
# Now the prompt: with the request to think or without it (*plain*), and with worked examples in front. `fixed`, `broken`
# and `p` compare each line with the first, on the same problems.

# %%
columns = ["accuracy", "low", "high", "format", "length", "fixed", "broken", "p"]
prompts = {"base": prompt_settings(shots=(0,), strategy="sampled"), "trained": prompt_settings(("think",))}
prompts["trained"] |= prompt_settings(("plain",), (0,))
for who, model in (("base", base), ("trained", trained)):
    print(who, "(sampled)" if who == "base" else "(greedy)")
    table = compare_settings(model, tokenizer, few, prompts[who], runs=1, **sizes)[columns]
    table["p"] = ["", *(f"{p:.1g}" for p in table["p"].iloc[1:])]  # the first line is compared with nothing
    display(table.round(2))

# %% [markdown]
# Without the request to think, the base model hardly ever does. And the trained model? It was trained under one
# prompt, and the tiny model has seen no other in its life: change the wording, or put worked examples in front, and
# most of the gain is gone, though the form stays. A large model bears more. But the lesson holds: **a rate belongs to
# a model and a prompt.** Train, evaluate and ship with the same one.

# %% [markdown]
# ## Another training seed
#
# The intervals so far say what another draw of *problems* would do. Another *training seed* draws other training
# problems, another order, other samples. The only way to know is to train again. The course comes with runs of the
# preset `laptop` for three seeds, recorded in full; `over_seeds` puts their results side by side. Its interval is Student's
# t-interval for the mean over seeds, wide since three runs are few.

# %%
name = "laptop" if settings.task == "toy_math" else f"laptop-{settings.task}"
seeds = [read_json(path / "results.json") for path in recorded_runs(name)]
if len(seeds) > 1:
    header, *lines = seed_rows(over_seeds(seeds))
    display(pd.DataFrame(lines, columns=header).set_index(header[0]))
    print(f"{len(seeds)} recorded runs of {name}. {COVERS}")
else:
    print(f"There are no recorded runs of {name} here: train with several seeds, and compare.")

# %% [markdown]
# ## What this evaluation does not show
#
# - **Other seeds.** The intervals of one run cover the draw of the problems, not the draw of the training run. Train
#   with several seeds before you compare two settings.
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
# - Say which component and which problems a gain comes from; call pass@k pass@k.
# - Read transcripts of every kind, failures first.
#
# ## Exercises
#
# `exercises/07_evaluation`: find out how many problems a claim needs; estimate pass@k without bias; put an interval
# around a paired difference.
#
# ## Next
#
# Chapter 8 merges the adapter into the model, saves it, and proves that the saved model is the one measured here.
