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
# # 5. Reward testing

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/notebooks/05_reward_testing.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/notebooks/05_reward_testing.ipynb)

# %% [markdown]
# You will be able to
#
# - test a reward function as software: tables, properties, odd input, running time,
# - score the base model's own completions and say how many groups can teach anything,
# - attack a reward before the model does, and judge an attack by what honest work earns,
# - choose weights, and say what goes wrong when form pays more than correctness.
#
# **Time:** 30 minutes to read, some seconds to run. **Needs:** chapters 2 to 4 read. Where chapters 2
# and 4 have not been run, the course's own results are used. No network, no GPU.

# %% tags=["parameters"]
preset = "auto"
seed = 0

# %%
import random
import re
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display

from course_lib.artifacts import Run, read_json, write_json
from course_lib.grading import grade
from course_lib.presets import get_preset
from course_lib.prompts import EOS_IDS, format_completion
from course_lib.rewards import correctness_reward, get_suite
from course_lib.rollouts import GOLD, QUESTION, ROLLOUTS
from course_lib.tasks import load_rows

pd.set_option("display.max_colwidth", 100, "display.width", 180, "display.max_columns", 12)
settings = get_preset(preset)
run = Run(settings.name)

# %% [markdown]
# ## Why test a reward?
#
# The reward is the only thing that GRPO knows about your wishes. Whatever earns more will be done more,
# thousands of times over. A bug elsewhere makes training fail. A bug in the reward makes training
# **succeed at something else**: the reward curve rises, and the model learns to please the bug.
#
# So treat a reward as software that an adversary will use. The adversary is the policy: it is not
# malicious, but it tries everything, and it keeps what pays.
#
# The suite under test is the course's `starter`: correctness with weight 1 and form with weight 0.5.
# The next cell writes a small helper that scores a list of completions with each reward and with the
# weighted total.

# %%
suite = get_suite("starter")


def score(completions, gold, ended=None):
    """Every reward of the suite and the weighted total, one row per completion."""
    n = len(completions)
    columns = dict(answer=[gold] * n if isinstance(gold, str) else gold, task=[settings.task] * n)
    if ended is not None:  # the rewards learn from the last token whether a completion ended by itself
        columns["completion_ids"] = [[EOS_IDS[0] if e else 0] for e in ended]
    table = pd.DataFrame({f.__name__: f(completions=completions, **columns) for f in suite.rewards})
    table["total"] = table.to_numpy() @ np.array(suite.weights)
    return table


display(pd.DataFrame({"weight": {f.__name__: w for f, w in zip(suite.rewards, suite.weights, strict=True)}}))

# %% [markdown]
# ## Table tests
#
# The simplest test is a table: a completion, what the rewards should say, what they do say. The first
# table is about the dress of the answer. All completions are in good form and the gold answer is 26.

# %%
dressed = {
    "26": True, "26.": True, "$26.00": True, "26 apples": True, "\\boxed{26}": True, " 26 ": True,
    "twenty-six": False, "26 or 24": False, "24 = 26": False, "2_6": False, "2.6e1": False, "25.9": False,
    "nan": False, "6": False, "-26": False, "126": False,
}  # fmt: skip
scores = score([format_completion("12+5=17", text) for text in dressed], GOLD)
scores.index = [repr(text) for text in dressed]
scores["as expected"] = (scores.correctness_reward == list(dressed.values())) & (scores.format_reward == 1)
display(scores)
assert scores["as expected"].all()

# %% [markdown]
# The upper rows are the same number in other clothes: refusing them would punish right answers. The
# lower rows are not the number: accepting them would pay for hedging (`26 or 24`), or for luck with a
# prefix (`126`).
#
# The second table is about form. Each row departs from the full form in one way.

# %%
good = format_completion("12+5=17\n17-4=13\n13*2=26", GOLD)
thought, answer = good.split("\n<answer>")
answer = "<answer>" + answer
cases = {  # name: (completion, correct, well formed)
    "full form": (good, 1, 1),
    "trailing end marks": (good + "<end_of_turn>\n", 1, 1),
    "text in front": ("Sure! " + good, 1, 0),
    "text behind": (good + " I hope this helps.", 1, 0),
    "no reasoning": (answer, 1, 0),
    "blank reasoning": ("<reasoning> \n</reasoning>" + answer, 1, 0),
    "reasoning not closed": (good.replace("</reasoning>", ""), 1, 0),
    "answer inside the reasoning": (f"<reasoning>so {answer}</reasoning>", 0, 0),
    "answer before the reasoning": (answer + thought, 0, 0),
    "two answers": (good + answer, 0, 0),
    "no answer tags": ("The answer is 26.", 0, 0),
    "tags in capitals": (good.upper(), 0, 0),
    "empty": ("", 0, 0),
}
found = score([text for text, _, _ in cases.values()], GOLD)
found.index = list(cases)
wanted = [[correct, formed] for _, correct, formed in cases.values()]
found["as expected"] = (found[["correctness_reward", "format_reward"]].to_numpy() == wanted).all(axis=1)
display(found)
assert found["as expected"].all()

# %% [markdown]
# Look at the rows with correct 1 and form 0. Text around the blocks, or a missing reasoning block,
# spoils only the form: the answer can still be read without doubt. Where there is doubt (two answers,
# an answer that comes before its reasons), no answer is read at all.
#
# One case is not in the text: a completion that was **cut off** at the token limit is not well formed,
# even if its text happens to be complete. The rewards see it by the missing end token.

# %%
display(score([good, good], GOLD, ended=[True, False]).assign(ended=[True, False]))

# %% [markdown]
# ## The toy rollouts again
#
# In chapter 2 the four toy rollouts got rewards and advantages. The numbers were saved there; here they
# are a test. A reward that is changed later on, on purpose or not, now shows up at once. (This is
# called a regression test.)

# %%
saved = read_json(run.find("02_grpo_theory/rollout_advantages.json"))["rollouts"]
print(QUESTION, f"(gold: {GOLD})")
rewards = score(list(ROLLOUTS.values()), GOLD)
rewards.index = list(ROLLOUTS)
rewards["total in chapter 2"] = [saved[name]["reward"] for name in ROLLOUTS]
rewards["advantage in chapter 2"] = [saved[name]["advantage"] for name in ROLLOUTS]
display(rewards.round(3))
assert np.allclose(rewards["total"], rewards["total in chapter 2"])

# %% [markdown]
# ## Properties
#
# A table holds only what you have thought of. A **property** holds for any input, so random input can
# test it:
#
# 1. one finite number from 0 to 1 for each completion, never an exception,
# 2. a completion gets the same score as plain text and as a list of messages (TRL sends messages),
# 3. white space and an end mark after the text change nothing,
# 4. a completion's score does not depend on its neighbours in the batch.
#
# The next cell tests all four. Most of its odd texts are built from pieces that are likely to hurt. Those are
# hardly ever well formed, so the others are a good completion with one such piece put in somewhere.

# %%
rng = random.Random(seed)
pieces = "<reasoning> </reasoning> <answer> </answer> 26 - ½ ٢٦ < </ = 🙂".split() + ["\x00", " ", "\n"]
odd = ["".join(rng.choices(pieces, k=rng.randint(0, 12))) for _ in range(1000)]
for _ in range(500):
    cut = rng.randint(0, len(good))
    odd.append(good[:cut] + rng.choice(pieces) + good[cut:])
whole = score(odd, GOLD).to_numpy()
assert np.isfinite(whole).all() and whole.min() >= 0 and whole[:, :-1].max() <= 1
assert (score([[{"role": "assistant", "content": text}] for text in odd], GOLD).to_numpy() == whole).all()
assert (score([text + "<end_of_turn> \n" for text in odd], GOLD).to_numpy() == whole).all()
assert (score(odd[::-1], GOLD).to_numpy()[::-1] == whole).all()
right, formed = (whole[:, :2] > 0).sum(axis=0)
print(f"{len(odd)} odd texts pass; {right} of them were right, {formed} well formed")

# %% [markdown]
# And what about errors in the **data**? There the opposite holds: a gold answer that is no number must
# stop the run, loudly, and not turn into a reward of nought for ever.

# %%
try:
    correctness_reward(completions=[good], answer=["many"], task=[settings.task])
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ## The base model's own completions
#
# Chapter 4 saved completions of the base model, a group for each problem. Those are the texts that
# training will start from, so they are the best test data there is. First their totals.

# %%
samples = pd.DataFrame(read_json(run.find("04_model_and_lora/base_samples.json")))
samples = samples.join(score(samples.completion.tolist(), samples.gold.tolist(), samples.ended.tolist()))
samples["group"] = pd.factorize(samples.question)[0]
counts = samples.total.value_counts().sort_index()
print(f"{len(samples)} completions in {samples.group.nunique()} groups")
display(counts.rename("completions").rename_axis("total reward").to_frame().T)
display(samples[["correctness_reward", "format_reward", "total"]].mean().rename("mean").to_frame().T.round(3))

# %% [markdown]
# A healthy start has completions at several values. All at nought would mean that GRPO has nothing to
# strengthen: then make the problems easier, or add a reward that gives part marks (exercise 2). All at
# the top would mean that there is nothing left to learn.
#
# Advantages are made **within** a group. So the question is not only whether rewards differ, but
# whether they differ inside the groups. The plot shows each group's rewards.

# %%
spread = samples.groupby("group").total.std()
points = samples.groupby(["group", "total"]).size().rename("n").reset_index()
flat = points.group.map(spread) == 0
figure, axes = plt.subplots(figsize=(8, 3.2))
for rows, marker, label in ((points[~flat], "o", "rewards differ"), (points[flat], "X", "all equal: no advantage")):
    axes.scatter(rows.group + 1, rows.total, s=200, marker=marker, color="0.85", edgecolor="black", label=label)
for _, point in points.iterrows():
    axes.annotate(int(point.n), (point.group + 1, point.total), ha="center", va="center", fontsize=8)
axes.set(xlabel="group (one problem each)", ylabel="total reward (points)", ylim=(-0.3, 1.8))
axes.set_xticks(range(1, samples.group.nunique() + 1))
axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2, frameon=False, markerscale=0.6)
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: one column per group, a mark at each reward that occurs in it; the number in the mark is
# how many completions got it. Round marks belong to groups with different rewards, crosses, if
# there are any, to groups in which all are equal.*
#
# A group whose marks stand at different heights teaches: what stands higher is strengthened, what
# stands lower is weakened. A group with a single mark teaches nothing, and generating it was wasted.
# The next table counts such groups, for each reward alone and for the suite.

# %%
names = ["correctness_reward", "format_reward", "total"]
zero = {name: (samples.groupby("group")[name].std() == 0).mean() for name in names}
display(pd.Series(zero, name="share of groups with equal rewards").map("{:.0%}".format).to_frame())
if zero["total"] == 1:
    print("No group has different rewards: with these problems and rewards nothing could be learned.")

# %% [markdown]
# The suite never has more equal groups than either reward alone: where all completions are right, form
# may still tell them apart, and the other way round. TRL logs this share as `frac_reward_zero_std`; in
# chapter 6 you will see it grow as the model gets better. Easy problems run dry first.
#
# ## Attack
#
# Now take the adversary's side. First, a reward as one might write it on a Monday: look for the tags,
# look for the number.


# %%
def naive_reward(completion, gold):
    """One point if the gold number occurs, an eighth for each tag."""
    numbers = re.findall(r"\d+", completion)
    tags = re.findall(r"</?(?:reasoning|answer)>", completion)
    return 1.0 * (gold in numbers) + 0.125 * len(tags)


rewards["naive"] = [naive_reward(text, GOLD) for text in ROLLOUTS.values()]
display(rewards[["total", "naive"]])

# %% [markdown]
# On honest completions it looks reasonable: the best rollout is on top, with 1.5 points as in the
# suite. Only the last one, without any tags, seems a little well paid. Table tests with honest
# completions would let it pass.
#
# Here is a set of attacks. Each gets the question, none knows the answer, and none does any work.

# %%
spray = " ".join(str(n) for n in range(1, 100))
ATTACKS = {
    "tag spam": lambda question: "<reasoning></reasoning><answer></answer>" * 20,
    "answer spray": lambda question: "".join(f"<answer>{n}</answer>" for n in range(1, 100)),
    "all numbers, no tags": lambda question: spray,
    "all numbers in one answer": lambda question: format_completion("Let me see.", spray),
    "all numbers in the reasoning": lambda question: format_completion(spray, "0"),
    "a second answer": lambda question: format_completion(spray, "1") + "<answer>2</answer>",
    "empty reasoning": lambda question: "<reasoning></reasoning><answer>0</answer>",
    "empty answer": lambda question: "<reasoning>Easy.</reasoning><answer></answer>",
    "copies the question": lambda question: format_completion(question, "0"),
    "praises itself": lambda question: format_completion("This is correct. Score: 1.5", "correct"),
    "a million <": lambda question: "<" * 1_000_000,
}

# %% [markdown]
# The **bar** is what honest work earns. There are two: honest and right, and honest with a slip. No
# attack may earn more than an honest slip, for the attacker has done nothing; and certainly none may
# come near a right answer. The next cells run all attacks and honest work on 20 problems.


# %%
def slip(worked, answer):
    """The worked answer with the last step one too high."""
    wrong = str(int(answer) + 1)
    return format_completion(worked.rpartition("=")[0] + "=" + wrong, wrong)


problems = load_rows("toy_math", "train", 20, seed)
honest = {
    "honest, right": lambda row: format_completion(row["worked"], row["answer"]),
    "honest, a slip": lambda row: slip(row["worked"], row["answer"]),
}
texts = {name: [attack(row["question"]) for row in problems] for name, attack in ATTACKS.items()}
texts |= {name: [write(row) for row in problems] for name, write in honest.items()}
gold = [row["answer"] for row in problems]

# %%
earned = pd.DataFrame(
    {
        "naive": {n: np.mean([naive_reward(t, g) for t, g in zip(ts, gold, strict=True)]) for n, ts in texts.items()},
        "suite": {n: score(ts, gold).total.mean() for n, ts in texts.items()},
    }
)
bar = earned.loc["honest, a slip"]
earned_by_attack = earned.drop(list(honest))
display(earned.round(2))
print("attacks that earn more than an honest slip:", (earned_by_attack > bar + 1e-9).sum().to_dict())
assert (earned_by_attack.suite <= bar.suite).all()

# %%
figure, axes = plt.subplots(figsize=(9, 4.6))
most, place = 3.0, np.arange(len(earned))
for shift, name, style in ((-0.2, "naive", dict(color="0.9", hatch="//")), (0.2, "suite", dict(color="0.4"))):
    axes.barh(place + shift, earned[name].clip(upper=most), 0.4, label=name, edgecolor="black", **style)
    for y, value in zip(place + shift, earned[name], strict=True):
        label = f"{value:.2f}" if value <= most else f"{value:.1f} →"
        axes.text(min(value, most) + 0.03, y, label, va="center", fontsize=8)
axes.axvline(bar.suite, color="black", linestyle="--", linewidth=1, label="honest slip (suite)")
axes.set_yticks(place, earned.index)
axes.invert_yaxis()
axes.set(xlabel="mean reward over 20 problems (points; bars end at 3)", xlim=(0, most + 0.5))
axes.legend(loc="center right")
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: two bars for each attack and for honest work: hatched for the naive reward, dark for the
# suite. Some hatched bars run off the scale; no attack's dark bar passes the dashed line.*
#
# With the naive reward, spamming tags earns far more than solving the problem. The policy would find
# that soon: a completion with one tag more gets a higher advantage than its neighbours, and off it
# goes. With the suite no attack passes the bar.
#
# Some attacks **reach** the bar: a completion in good form with a wrong number earns the half point for
# form, whatever stands in its reasoning. The suite cannot tell a thought from a copied question. It
# does not have to, as long as being right pays more. But it is a reason to read completions during
# training and not only the curve.
#
# ## Running time
#
# A reward that takes a second on strange input will take minutes per step once the policy produces
# strange input. The usual culprit is a regular expression such as `<answer>(.*?)</answer>`: from every
# opening tag it searches to the end of the text for a closing one. Twice the text, four times the work.
# The next cell doubles the text again and again and takes the time of the search and of the course's
# grader.


# %%
def milliseconds(work, text):
    """The best of three runs."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work(text)
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


lazy = re.compile("<answer>(.*?)</answer>", re.DOTALL)
sizes = {"lazy search": [2**k for k in range(8, 12)], "grader": [2**k for k in range(10, 18)]}
works = {"lazy search": lazy.search, "grader": lambda text: grade(text, GOLD)}
timings = {}
for name, repeats in sizes.items():
    spam = ["<answer>" * n for n in repeats]
    timings[name] = pd.Series({len(text): milliseconds(works[name], text) for text in spam})
    ratios = (timings[name] / timings[name].shift()).dropna().round(1).tolist()
    print(f"{name}: time for twice the text, as a multiple: {ratios}")

# %%
figure, axes = plt.subplots(figsize=(7, 3.6))
for (name, series), (line, marker) in zip(timings.items(), (("--", "s"), ("-", "o")), strict=True):
    axes.loglog(series.index, series, line, marker=marker, color="black", label=name)
axes.set(xlabel="length of the text (characters)", ylabel="time (milliseconds)")
axes.grid(which="major", color="0.85")
axes.legend()
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: time against length, both on logarithmic axes. The dashed line of the lazy search is
# steep, the solid line of the grader rises more gently and reaches much longer texts.*
#
# On such axes a straight line of slope 1 is linear time, slope 2 is quadratic. The multiples say the
# same: about 4 for the lazy search, about 2 for the grader. Expect some scatter, above all in the short
# times. The grader uses only `str.count` and `str.find`, and it reads a number only from an answer of
# at most 200 characters. That is why the attack with a million `<` costs nothing.
#
# ## Weights
#
# Each reward may be right and the sum still wrong. Take the toy rollouts, keep the weight of
# correctness at 1, and raise the weight of form. The plot shows the advantages.


# %%
def advantages(totals):
    """One group's advantages, as in chapter 2."""
    totals = np.asarray(totals, dtype=float)
    return (totals - totals.mean()) / (totals.std(ddof=1) + 1e-4)


weights = np.linspace(0, 2, 81)
by_weight = [advantages(rewards.correctness_reward + w * rewards.format_reward) for w in weights]
figure, axes = plt.subplots(figsize=(8, 3.8))
for curve, name, line, marker in zip(np.transpose(by_weight), ROLLOUTS, ("-", "--", "-.", ":"), "osv^", strict=True):
    axes.plot(weights, curve, line, marker=marker, markevery=10, color="black", markerfacecolor="0.8", label=name)
axes.axvline(1, color="0.5", linewidth=1)
axes.axhline(0, color="0.5", linewidth=1)
axes.set(xlabel="weight of form (correctness has 1)", ylabel="advantage (no unit)")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: four lines, one for each toy rollout, against the weight of form. "reasons, right" is on
# top and "no tags" at the bottom for every weight above 0. The lines of "blurts, right" and "reasons,
# slips" cross at weight 1.*
#
# Left of 1, the right answer that was blurted beats the neat completion with a slip. Right of 1 it is
# the other way round: **form outweighs correctness**, and the policy is pushed towards neat wrong
# answers and away from right ones. At nought, on the other hand, form is worth nothing.
#
# Now the same on the base model's completions: how often would training strengthen a wrong completion,
# or weaken a right one?

# %%
right, formed = samples.correctness_reward, samples.format_reward
rows = []
for weight in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0):
    a = (right + weight * formed).groupby(samples.group).transform(advantages)
    rows.append((weight, (a[right == 0] > 1e-6).mean(), (a[right == 1] < -1e-6).mean()))
table = pd.DataFrame(rows, columns=["weight of form", "wrong but strengthened", "right but weakened"])
display(table.set_index("weight of form").map("{:.0%}".format))
print("wrong, but well formed:", int(((right == 0) & (formed == 1)).sum()), "of", len(samples), "completions")

# %% [markdown]
# Read each column downwards.
#
# - **Wrong but strengthened.** Only form can lift a wrong completion above its group's mean. So it has to be
#   wrong *and* well formed. The line under the table counts such completions. If there are none, this column is
#   0 at every weight: the danger in the plot is real, but these samples do not show it. It comes back if the
#   model learns to be neat before it learns to be right.
# - **Right but weakened.** This happens to a right completion without full form, when neat ones in its group
#   lift the mean above it. A larger weight lifts it further. Look for the weight at which the column leaves 0:
#   from there on, form is taught at the expense of right answers.
#
# With weight 0 neither can happen, but form is not taught either. The suite's weight of 0.5 keeps the order
# of the toy rollouts, and being right is always worth more than being neat.
#
# Only **ratios** matter, by the way: advantages are divided by the group's standard deviation, so
# doubling all weights leaves training as it is. The suite also states the total of its weights, so that
# a typing error is found when it is built, not after an hour of training.

# %%
try:
    type(suite)("mistyped", suite.rewards, weights=(1.0, 5.0), total=1.5)
except ValueError as error:
    print("SettingError:", error)

# %% [markdown]
# ## What is passed on
#
# All assertions above have held, so the suite may train. Chapter 6 reads its name from `rewards.json`.

# %%
folder = run.chapter("05_reward_testing")
chosen = {f.__name__: w for f, w in zip(suite.rewards, suite.weights, strict=True)}
write_json(folder / "rewards.json", {"suite": suite.name, "weights": chosen})
print(f"wrote rewards.json ({suite.name}: {chosen}) to {folder}")

# %% [markdown]
# ## What to remember
#
# - A bug in the reward makes training succeed at something else. Test the reward before you train.
# - Tables for what you know, properties for what you do not, the base model's completions for what is
#   real.
# - Only groups with different rewards teach. Count the others.
# - The bar for an attack is honest work. No attack may outscore it.
# - Keep rewards linear in the text's length, and let being right pay more than being neat.
#
# **Left out:** rewards that are learned (reward models) or given by another language model (judges).
# They can be attacked as well, and a table test says less about them.
#
# ## Exercises
#
# `exercises/05_reward_testing.ipynb`: break three rewards yourself, then write one that gives part
# marks for form and cannot be broken by the same means.
#
# ## Next
#
# Chapter 6 trains with this suite.
