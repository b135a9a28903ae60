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
# - say what the public reward recipes pay for, how they were gamed, and what holds instead,
# - attack a reward before the model does, and judge an attack by what honest work earns,
# - take a batch of rewards apart, and see from it whether training can learn anything,
# - choose weights, and say what goes wrong when form pays more than correctness,
# - score free text by a rubric that cannot be pasted,
# - train a reward model, and say what goes wrong when it is trusted,
# - watch a training log for signs that the reward is being gamed.
#
# **Time:** 60 minutes to read; with the preset `laptop` a minute or two to run, most of it for the
# reward model. **Needs:** chapters 2 to 4 read. Where chapters 2 and 4 have not been run, the course's own
# results are used. No network, no GPU.

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
import random
import re
import tempfile
import textwrap
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display

from course_lib import hacks, plots, reward_model
from course_lib.analysis import RewardAnalyzer, score, weight_sensitivity
from course_lib.artifacts import DATA, REFERENCE, Run, read_json, write_json
from course_lib.debugger import RewardDebugger
from course_lib.grading import grade
from course_lib.models import load_model, load_tokenizer
from course_lib.monitor import FEWEST, find_hacking
from course_lib.presets import SUITE_OF_KIND, get_preset
from course_lib.prompts import format_completion
from course_lib.rewards import SUITES, columns_of, correctness_reward, get_suite
from course_lib.rollouts import EXAMPLES, GOLD, QUESTION, ROLLOUTS
from course_lib.rubrics import grade_rubric
from course_lib.tasks import load_rows

pd.set_option("display.max_colwidth", 100, "display.width", 180, "display.max_columns", 12)
settings = get_preset(preset)
run = Run(settings)

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
# A **suite** is a list of rewards with weights, and a completion's total is the weighted sum. The next
# cell takes the suite that your preset will train with, and works the totals of the toy rollouts out by
# hand.

# %%
suite = get_suite(settings.suite_name)
example, group = EXAMPLES[settings.kind]  # a row of your preset's kind of task, and four completions
completions = list(group.values())
columns = columns_of([example] * len(group))  # as TRL hands them over: one list a column
table = pd.DataFrame({f.__name__: f(completions=completions, **columns) for f in suite.rewards}, index=list(group))
table["total"] = table.to_numpy() @ np.array(suite.weights)
print(f"suite {suite.name}, weights:", dict(zip(suite.names, suite.weights, strict=True)))
display(table.round(2))
assert np.allclose(table, score(suite, completions, [example] * len(group)))

# %% [markdown]
# The library's `score`, in the last line, does the same and two things more: a reward may leave a completion
# out (`None`, for instance a reward for numbers about a multiple-choice question), and it can be told which
# completions were cut off. From here on the chapter uses `score`.
#
# ## Table tests
#
# The simplest test is a table: a completion, what the reward should say, what it does say. The course knows
# three **kinds** of answers: a number, the letter of an option, and a text that is held against a rubric.
# Here are the toy problems of the second and the third kind.

# %%
for kind in ("choice", "rubric"):
    asked = EXAMPLES[kind][0]
    options = [f"{letter}) {option}" for letter, option in zip("ABCD", asked.get("options", []), strict=False)]
    print(textwrap.fill(asked["question"], 110), *options, "gold:", asked["answer"], "", sep="\n")

# %% [markdown]
# The first table is about the dress of the answer. Each text is put into an answer block, in full form. A `1`
# in the column *wanted* marks a right answer, an empty field any other text.

# %%
PEN = "hats, pens, rings"
DRESSED = {  # kind: right answers, other texts
    "number": (["26", "26.", "$26.00", "26 apples", "\\boxed{26}"], ["twenty-six", "26 or 24", "2_6", "nan", "126"]),
    "choice": (["B", "b", "**B**", "(B).", "B) Tom", "Tom"], ["A", "E", "A or B", "A, B", "B) Leo", "not B", "Bob"]),
    "rubric": (
        ["beads, lamps, pens.", f"{PEN}."],
        [PEN, "rings, pens, hats.", f"beads, {PEN}.", "coins, kites, pens."],
    ),
}
parts = []
for kind, (right, other) in DRESSED.items():
    tested, texts = get_suite(SUITE_OF_KIND[kind]), right + other
    found = score(tested, [format_completion("Let me see.", t) for t in texts], [EXAMPLES[kind][0]] * len(texts))
    part = pd.DataFrame({"kind": kind, "text": texts, "wanted": ["1"] * len(right) + [""] * len(other)})
    part["reward"], part["form"] = found[tested.names[0]].round(2), found[tested.names[1]]
    parts.append(part)
table = pd.concat(parts)
display(table.set_index(["kind", "text"]))
assert ((table.reward == 1) == (table.wanted == "1")).all() and (table.form == 1).all()

# %% [markdown]
# Some texts are a right answer in other clothes: refusing them would punish right answers. Some are no
# answer at all: accepting them would pay for hedging (`26 or 24`, `A, B`) or for luck with a prefix (`126`,
# `Bob`). A rubric pays in parts: each of its last four texts breaks one rule and loses that rule's share.
#
# The second table is about form, with the toy rollouts of your preset's kind. Each row departs from the full
# form in one way.

# %%
good = group["reasons, right"]
thought, answer = good.split("\n<answer>")
answer = "<answer>" + answer
cases = {  # name: (completion, right, well formed)
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
    "no answer tags": (group["no tags"], 0, 0),
    "tags in capitals": (good.upper(), 0, 0),
    "empty": ("", 0, 0),
    "cut off at the limit": (good, 1, 0),
}
tested = get_suite(SUITE_OF_KIND[settings.kind])
ended = [name != "cut off at the limit" for name in cases]
found = score(tested, [text for text, _, _ in cases.values()], [example] * len(cases), ended)
wanted = [[right, formed] for _, right, formed in cases.values()]
found["as expected"] = ((found[list(tested.names)] == 1) == np.array(wanted)).all(axis=1)
display(found.set_axis(list(cases)).round(2))
assert found["as expected"].all()

# %% [markdown]
# Look at the rows with a full first reward and form 0. Text around the blocks, or a missing reasoning block,
# spoils only the form: the answer can still be read without doubt. Where there is doubt (two answers, an
# answer that comes before its reasons), no answer is read at all. (A rubric is held against the whole text where
# there are no tags in it.)
#
# The last row has the same text as the first. But its completion was **cut off** at the token limit, so the
# model did not end it, and it is not well formed. The rewards see that by the missing end token.
#
# ## The toy rollouts again
#
# In chapter 2 the four toy rollouts got rewards and advantages. The numbers were saved there; here they
# are a test. A reward that is changed later on, on purpose or not, now shows up at once. (This is
# called a regression test.)

# %%
saved = read_json(run.find("02_grpo_theory/rollout_advantages.json"))["rollouts"]
print(QUESTION, f"(gold: {GOLD})")
starter = get_suite("starter")
rewards = score(starter, list(ROLLOUTS.values()), [EXAMPLES["number"][0]] * len(ROLLOUTS)).set_axis(list(ROLLOUTS))
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
# 1. one finite number for each completion, never an exception (here from 0 to 1; `tunix`, below, also takes points away),
# 2. a completion gets the same score as plain text and as a list of messages (TRL sends messages),
# 3. white space and an end mark after the text change nothing,
# 4. a completion's score does not depend on its neighbours in the batch.
#
# The next cell tests all four for each kind. Most of its odd texts are built from pieces that are likely to
# hurt. Those are hardly ever well formed, so the others are a good completion with one such piece put in
# somewhere.

# %%
rng = random.Random(seed)
pieces = "<reasoning> </reasoning> <answer> </answer> 26 B beads, - ½ ٢٦ < </ = 🙂".split() + ["\x00", " ", "\n"]
for kind, (asked, four) in EXAMPLES.items():
    tested, whole = get_suite(SUITE_OF_KIND[kind]), four["reasons, right"]
    odd = ["".join(rng.choices(pieces, k=rng.randint(0, 12))) for _ in range(600)]
    for _ in range(300):
        cut = rng.randint(0, len(whole))
        odd.append(whole[:cut] + rng.choice(pieces) + whole[cut:])
    once = score(tested, odd, [asked] * len(odd)).to_numpy()
    assert np.isfinite(once).all() and once.min() >= 0 and once[:, :-1].max() <= 1
    for same in ([[{"role": "assistant", "content": t}] for t in odd], [t + "<end_of_turn> \n" for t in odd]):
        assert (score(tested, same, [asked] * len(odd)).to_numpy() == once).all()
    assert (score(tested, odd[::-1], [asked] * len(odd)).to_numpy()[::-1] == once).all()
    right, formed = (once[:, :2] == 1).sum(axis=0)
    print(f"{kind}: {len(odd)} odd texts pass; {right} of them were right, {formed} well formed")

# %% [markdown]
# And what about errors in the **data**? There the opposite holds: a gold answer that cannot be used must
# stop the run, loudly, and not turn into a reward of nought for ever.

# %%
for task, gold in (("number", "many"), ("choice", "E"), ("rubric", "The answer is nice.")):
    try:
        correctness_reward(completions=[good], answer=[gold], task=[task], options=[None])
    except ValueError as error:
        print("ValueError:", error)

# %% [markdown]
# ## Five public suites
#
# Public projects that train small models with GRPO have published what they pay for. The course offers five
# of these definitions by name, besides `starter`.

# %%
rows = []
for name in SUITES:
    its = get_suite(name)
    paid = [f"{w:g} {n.removesuffix('_reward')}" for n, w in zip(its.names, its.weights, strict=True)]
    rows.append((name, ", ".join(its.kinds), ", ".join(paid), its.total))
with pd.option_context("display.max_colwidth", None):
    display(pd.DataFrame(rows, columns=["suite", "for", "weights", "total"]).set_index("suite"))

# %% [markdown]
# What does each make of the toy rollouts? The next plot shows the shares of the total that the four
# completions earn, reward by reward.

# %%
SHOWN = {"basic": "number", "tunix": "number", "four_component": "number"}
SHOWN |= {"multiple_choice": "choice", "rubric": "rubric"}
figure, axes = plt.subplots(1, len(SHOWN), figsize=(14, 4.2), sharey=True, sharex=True, layout="constrained")
order = {}
for axis, (name, kind) in zip(axes, SHOWN.items(), strict=True):
    its, (asked, four) = get_suite(name), EXAMPLES[kind]
    table = RewardAnalyzer(its).compare(four, asked)
    order[f"{name} ({kind})"] = table["advantage"]
    paying = [name for name, weight in zip(its.names, its.weights, strict=True) if weight]
    share = table[paying] * [weight / its.total for weight in its.weights if weight]
    share.columns = [column.removesuffix("_reward").replace("_", " ") for column in share]
    share.plot.barh(stacked=True, ax=axis, color=["0.95", "0.75", "0.5", "0.25"], edgecolor="black", width=0.6)
    for bars, hatch in zip(axis.containers, ("", "//", "..", ""), strict=False):
        for patch in bars:
            patch.set_hatch(hatch)
    axis.set(title=f"{name}\n({kind})", xlabel="share of the suite's total")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize=8)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# *The picture: a panel for each suite, in it a bar for each toy rollout, made of one piece for each reward.
# "reasons, right" fills the whole scale everywhere; "no tags" is the shortest in each panel, with `tunix` it
# points to the left of 0.*
#
# All agree on the best and on the worst rollout. They do not agree on the two between them, and that is
# where training is steered. The table shows the advantages.

# %%
display(pd.DataFrame(order).T.round(2))

# %% [markdown]
# Compare the columns "reasons, slips" and "blurts, right". `basic`, `multiple_choice` and `four_component`
# prefer the right answer, however bare. `tunix` prefers the slip: it pays a great deal for form, and a little
# more since 24 is within ten per cent of 26. `rubric` prefers the slip too, for another reason: the slip
# breaks one rule of six and loses only that share. Neither is wrong in itself. A reward with part marks gives
# a slope to a model that is never quite right. But know what you pay for: in such a suite a neat near miss
# is worth more than a right answer without reasons.
#
# Weights are settings. They can be replaced by name, but they must still sum to the suite's stated total, so
# that a typing error is found when the suite is built, not after an hour of training.

# %%
print(get_suite("four_component", weights="explanation").weights)
print(get_suite("starter", weights={"correctness_reward": 1.2, "format_reward": 0.3}).weights)
try:
    get_suite("starter", weights={"format_reward": 5.0})
except ValueError as error:
    print("SettingError:", error)

# %% [markdown]
# What these definitions want to pay for is sensible. The way in which they were first written down left holes.
# Each line of this table stood in published code:
#
# | reward | as it was written | what beat it | here |
# |---|---|---|---|
# | correctness | the gold number anywhere in the text | listing numbers | one number, in the only answer block |
# | format | a regular expression with several lazy repeats | nine kilobytes took over a minute | tags are counted and found, in linear time |
# | format, tag by tag | points for each tag that occurs | the four tags and nothing else, in any order | each exactly once and in order |
# | near answers | within ten per cent counts as right | a rough guess | near is paid less, and is never *correct* |
# | coherence | words such as *therefore* | the word forty times | steps that differ, equations that hold, a last step that leads to the answer |
# | efficiency | 60 to 200 words | padding | weight 0: it is only watched |
# | rubric | words shared with the rubric | pasting the rubric, or its opposite | each criterion by itself, by code or by a judge |
# | multiple choice | the right letter in some final line | a final line for each letter | exactly one final answer, one letter |
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
# On honest completions it looks reasonable: the best rollout is on top, with 1.5 points as in the suite
# `starter`. Only the last one, without any tags, seems a little well paid. Table tests with honest
# completions would let it pass.
#
# Here are some attacks. Each gets the question, none knows the answer, and none does any work.

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
    "copies the question": lambda question: format_completion(question, "0"),
    "praises itself": lambda question: format_completion("This is correct. Score: 1.5", "correct"),
}

# %% [markdown]
# The **bar** is what honest work earns. There are two: honest and right, and honest with a slip. No
# attack of this sort may earn more than an honest slip, for the attacker has done nothing; and certainly none
# may come near a right answer. The next cells run all attacks and honest work on 20 problems.


# %%
def slip(worked, answer):
    """The worked answer with the last step one too high."""
    wrong = str(int(answer) + 1)
    return format_completion(worked.rpartition("=")[0] + "=" + wrong, wrong)


problems = load_rows("toy_math", "train", 20, seed)
texts = {name: [attack(row["question"]) for row in problems] for name, attack in ATTACKS.items()}
texts["honest, right"] = [format_completion(row["worked"], row["answer"]) for row in problems]
texts["honest, a slip"] = [slip(row["worked"], row["answer"]) for row in problems]
gold = [row["answer"] for row in problems]
earned = pd.DataFrame(
    {
        "naive": {n: np.mean([naive_reward(t, g) for t, g in zip(ts, gold, strict=True)]) for n, ts in texts.items()},
        "starter": {n: score(starter, ts, problems).total.mean() for n, ts in texts.items()},
    }
)
bar = earned.loc["honest, a slip"]
attacks = earned.loc[list(ATTACKS)]
print("attacks that earn more than an honest slip:", (attacks > bar + 1e-9).sum().to_dict())
assert (attacks.starter <= bar.starter).all()

# %%
figure, axes = plt.subplots(figsize=(9, 4.2))
most, place = 3.0, np.arange(len(earned))
for shift, name, style in ((-0.2, "naive", dict(color="0.9", hatch="//")), (0.2, "starter", dict(color="0.4"))):
    axes.barh(place + shift, earned[name].clip(upper=most), 0.4, label=name, edgecolor="black", **style)
    for y, value in zip(place + shift, earned[name], strict=True):
        label = f"{value:.2f}" if value <= most else f"{value:.1f} →"
        axes.text(min(value, most) + 0.03, y, label, va="center", fontsize=8)
axes.axvline(bar.starter, color="black", linestyle="--", linewidth=1, label="honest slip (starter)")
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
# form, whatever stands in its reasoning.
#
# ## Every hack, every suite
#
# The library collects known hacks, and is stricter than we were: most of its hacks **know the right answer**, which
# a policy would not. What gains nothing even then gains nothing at all. Each hack says what it spoils: the
# *answer* (wrong, or not to be read without doubt), the *form*, only the *reasoning*, or something *unseen* by
# code. Its **margin** is what the honest completion of the same problem has ahead of it, on the problem where that
# is least. A margin below 0 means that the hack pays.

# %%
toy_task = hacks.TOY_TASKS[settings.kind]  # the toy task of your preset's kind
hacked = hacks.hack_table(suite, hacks.toy_rows(settings.kind, 8, seed))
print(f"{len(hacked)} hacks on {toy_task}, honest work earns {hacked.honest.mean():g}. By what they earn on average:")
for (total, spoils), part in hacked.groupby([hacked.total.round(1), "spoils"]):
    told = f"{total:4.1f}, spoils the {spoils}: {', '.join(part.hack)}"
    print(textwrap.fill(told, 110, subsequent_indent="      "))
assert (hacked.margin > -1e-9).all()

# %%
plots.hack_figure(hacked, most=16)
plt.show()

# %% [markdown]
# *The picture: the hacks with the smallest margins, a hatched bar for each and a diamond for honest work on the
# same problems. No bar passes its diamond.*
#
# Read the printed list from its end. What spoils only the **reasoning** may earn as much as honest work: a suite that does
# not look at the reasoning cannot tell a thought from a copied question. What spoils the **form** loses points for
# form, and what spoils the **answer** loses points for being right: all of them in most suites; one with part marks
# (`tunix`, a rubric) may leave it some.
#
# Now the same for all suites, on the toy tasks of every kind that a suite is made for. The margins are in shares
# of the suite's total.

# %%
lines = {}
for name in SUITES:
    its = get_suite(name)
    table = hacks.hack_table(its)
    least = (table.margin / its.total).groupby(table.spoils).min().round(2)
    lines[name] = {"hacks": len(table), "that pay": (table.margin < -1e-9).sum()}
    lines[name] |= {f"least margin ({spoils})": margin for spoils, margin in least.items()}
display(pd.DataFrame(lines).T.astype({"hacks": int, "that pay": int}))
assert all(line["that pay"] == 0 for line in lines.values())

# %% [markdown]
# In no suite does a hack pay more than the honest right answer. Compare the column for the reasoning: only
# `four_component` looks at it, so only there does a right answer with spoilt reasoning lose something. The price is
# that honest reasoning of an odd shape may lose something too. And a **bluff**, sentences that talk like work and end
# in the right answer, is *unseen*: it loses nothing anywhere. Code can tell nonsense from reasoning, but not pretence.
# It takes a right answer to profit from it, though, and that is why the outcome comes first.
#
# An honest limit: this is a list of hacks that somebody thought of. The policy will think of others. So the list
# is a test that grows, and not a proof. It is a reason to read completions during training.

# %% [markdown]
# ## One completion, taken apart
#
# A total says little. `RewardAnalyzer` takes it apart: raw value, weight, points, and a bar. Here is the toy
# rollout with a slip, in the suite `four_component`, which also looks at the reasoning.

# %%
slipped = group["reasons, slips"]
display(RewardAnalyzer(get_suite("four_component")).breakdown(slipped, example).round(2))

# %% [markdown]
# And **why** is each as it is? `RewardDebugger` answers that. Here is a wrong completion of the sort that
# makes people doubt their reward: the right answer stands in it, and still it earns little.

# %%
doubtful = group["reasons, right"] + "\nWait, no.\n" + group["reasons, slips"].partition("</reasoning>\n")[2]
print(doubtful, "\n")
display(RewardDebugger(get_suite("four_component")).explain(doubtful, example))

# %% [markdown]
# Three tables. The tags: the two answer tags stand twice, at the places given. The reading: so there is no
# answer, however right the first one was. The rewards, each with its reason: what was counted, read or
# missed. When a reward surprises you, look here before you change it. Usually the reward is right about what
# stands in the text, and the surprise is about the text.
#
# ## The base model's own completions
#
# Chapter 4 saved completions of the base model, a group for each problem. Those are the texts that
# training will start from, so they are the best test data there is. (Chapter 3 asked greedily, where the likeliest
# beginning always wins: a bare number. These are sampled, so some do reason, and those are mostly right.)

# %%
samples = read_json(run.find("04_model_and_lora/base_samples.json"))
texts = [sample["completion"] for sample in samples]
ended = [sample["ended"] for sample in samples]
rows = [
    {"question": s["question"], "answer": s["gold"], "task": s.get("task", settings.task), "options": s.get("options")}
    for s in samples
]
analyzer = RewardAnalyzer(suite)
report = analyzer.batch_report(texts, rows, ended)
print(f"{len(texts)} completions of {len({row['question'] for row in rows})} problems")
display(report.table.round(2))
print("\n".join(f"Warning: {text}" for text in report.warnings) or "no warning")

# %% [markdown]
# One line for each reward: its weight; mean, spread and range of its raw values; `left_out`, how often it
# had nothing to say; `share`, its part in the differences inside the groups. The warnings come below. A
# base model that has yet to learn the form may well earn the one about low format; that is why we train it.
#
# What would a batch look like from which nothing can be learned? The next cell makes three: every completion
# of a group is a copy of its first; the tags are taken away; every answer is right and in full form.

# %%
first = {}
copies = [first.setdefault(row["question"], text) for row, text in zip(rows, texts, strict=True)]
no_tags = [re.sub(r"</?(?:reasoning|answer)>", "", text) for text in texts]
toy_rows = [row for row in hacks.toy_rows(settings.kind, 8, seed) for _ in range(4)]
for name, batch in {
    "copies": analyzer.batch_report(copies, rows, ended),
    "no tags": analyzer.batch_report(no_tags, rows, ended),
    "all solved": analyzer.batch_report([hacks.honest(row) for row in toy_rows], toy_rows),
}.items():
    print(f"{name}: mean total {batch.table.loc['total', 'mean']:.2f}")
    print(textwrap.indent("\n".join(batch.warnings) or "no warning", "  "))

# %% [markdown]
# The mean of the copies may be as good as that of the real batch, so the mean does not show the trouble.
# Advantages are made **within** a group: where all completions earn the same, every advantage is 0. The plot
# shows the groups of the real batch.

# %%
scored = score(suite, texts, rows, ended).assign(group=pd.factorize(pd.Series([row["question"] for row in rows]))[0])
points = scored.assign(total=scored.total.round(2)).groupby(["group", "total"]).size().rename("n").reset_index()
flat = points.groupby("group").total.transform("nunique") == 1
figure, axes = plt.subplots(figsize=(8, 3.4))
for part, marker, label in ((points[~flat], "o", "rewards differ"), (points[flat], "X", "all equal: no advantage")):
    axes.scatter(part.group + 1, part.total, s=200, marker=marker, color="0.85", edgecolor="black", label=label)
for point in points.itertuples():
    axes.annotate(point.n, (point.group + 1, point.total), ha="center", va="center", fontsize=8)
axes.set(xlabel="group (one problem each)", ylabel="total reward (points)")
axes.set_ylim(min(0, scored.total.min()) - 0.1 * suite.total, 1.1 * suite.total)
axes.set_xticks(range(1, scored.group.nunique() + 1))
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
spread = scored.groupby("group").agg(lambda values: values.max() - values.min())
flat = (spread < 1e-9).mean().rename("share of groups with equal rewards")
display(flat.map("{:.0%}".format).to_frame())
if flat["total"] == 1:
    print("No group has different rewards: with these problems and rewards nothing could be learned.")

# %% [markdown]
# Two rewards can see more than one: where all completions are right, form may still tell them apart, and the other
# way round. TRL logs the share for the total as `frac_reward_zero_std`; in chapter 6 you will see it grow as the
# model gets better. Easy problems run dry first. If nearly all groups are equal at nought, make the problems
# easier, or use a reward with part marks. If nearly all are equal at the top, there is nothing left to learn.
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
# That is one group. `weight_sensitivity` asks the same of a whole batch: it multiplies one weight at a time,
# and compares the groups' orders before and after. First for the base model's completions.

# %%
moved = weight_sensitivity(suite, texts, rows)
for column in ("swapped", "sign_changes", "wrong_ahead"):
    moved[column] = moved[column].map("{:.1%}".format)
display(moved.drop(columns="best_changes").set_index(["component", "factor"]))

# %% [markdown]
# - **swapped**: pairs whose order turns round. If it is small for every factor, the weights hardly matter for
#   these completions, and there is no point in tuning them.
# - **sign_changes**: completions that were strengthened and are now weakened, or the other way round.
# - **wrong_ahead** is the one to keep at 0: of all pairs of a right and a wrong completion in one group, the share in
#   which the wrong one earns more. It needs a completion that is wrong *and* neat beside one that is right and is
#   not. The base model may have no such pair. But a model that learns to be neat before it learns to be right will.
#
# So the next cell adds one to each group: full form, wrong answer. The plot shows `wrong_ahead` for that batch.

# %%
each = list({row["question"]: row for row in rows}.values())
neat = [format_completion("Let me see.", hacks.wrong(row)) for row in each]
plots.sensitivity_figure(weight_sensitivity(suite, texts + neat, rows + each), "wrong_ahead")
plt.show()

# %% [markdown]
# *The picture: a line for each reward of the suite. Along the axis, the factor that multiplies its weight; upwards,
# the share of pairs of a right and a wrong completion in which the wrong one earns more.*
#
# Look at both ends of the axis. Where the weight of being right is taken away, or the weight of form is multiplied, the
# wrong ones get ahead. At factor 1, the suite as it is, the line shows what its own weights allow. With a rubric, which
# pays in parts, that may be more than nothing.
#
# Only **ratios** of weights matter, by the way: advantages are divided by the group's standard deviation, so
# doubling all weights leaves training as it is.
#
# ## Rubrics
#
# How do you reward a text that has no single right answer? With a **rubric**: a list of criteria, each met or not.
# A tempting shortcut is to compare words: a text that has much in common with the rubric will be a good one. In a
# few lines:


# %%
def word_overlap(text, rubric):
    """The share of the rubric's words that occur in the text."""
    wanted = set(re.findall(r"\w+", rubric.lower()))
    return len(wanted & set(re.findall(r"\w+", text.lower()))) / len(wanted)


asked, four = EXAMPLES["rubric"]
rubric = asked["answer"]
opposite = rubric.replace("includes", "does not include").replace(" is ", " is not ").replace(" are ", " are not ")
written = {name: text for name, text in four.items() if name != "no tags"}
written |= {
    "the rubric, pasted": format_completion("Easy.", rubric),
    "the rubric's opposite": format_completion("Easy.", opposite),
    "rubric, then the answer": format_completion("Easy.", f"{rubric}\nbeads, lamps, pens."),
    "the question, pasted": format_completion("Easy.", asked["question"]),
    "empty answer": format_completion("Easy.", " "),
}
table = {name: (word_overlap(t, rubric), grade_rubric(t, rubric).score) for name, t in written.items()}
display(pd.DataFrame(table, index=["word overlap", "criterion by criterion"]).T.round(2))

# %% [markdown]
# Word overlap pays most for the pasted rubric, and nearly as much for the opposite of everything that was asked. A list
# that keeps all the rules has few words in common with a description of such lists. So the policy would learn to recite
# rubrics.
#
# Criterion by criterion it is the other way round. Hard rules are **checked by code** (this answer has three items; it
# ends with a full stop), so that only an answer which has the property gets the point. A copied criterion is not met,
# whatever else the text says, and an answer that is not there meets nothing, not even "names no coins".
#
# ### Paraphrase and order
#
# A good reward does not mind how a good answer is put, or in which order the criteria are listed. The next rubric has a
# criterion that no code can check, a **principle**. It needs a judge: a function, often another language model. The
# judge below is a stand-in that looks for a few words, so that the cell runs anywhere.

# %%
letter = """1. The answer has at most 2 sentences. [Hard Rule]
2. The answer includes the word "sorry". [Hard Rule]
3. The answer says that the parcel comes later than planned. [Principle]
4. The answer includes the word "weather". [Pitfall]"""


def judge(answer, criterion):
    """A stand-in: it knows one principle and has nothing to say (None) about others."""
    return bool(re.search("late|delay|not come on time", answer)) if "parcel" in criterion else None


letters = {
    "good": "We are sorry: your parcel is late.",
    "good, in other words": "Your parcel is delayed. Sorry about that!",
    "good, other words again": "Sorry, the parcel will not come on time.",
    "a mistake": "Sorry, your parcel is late because of the weather.",
    "key words": "sorry parcel later planned answer sentences",
}
table = pd.DataFrame({"word overlap": {name: word_overlap(text, letter) for name, text in letters.items()}})
table["criteria, no judge"] = [grade_rubric(text, letter).score for text in letters.values()]
table["criteria, with judge"] = [grade_rubric(text, letter, judge=judge).score for text in letters.values()]
display(table.round(2))

# %%
lines = letter.splitlines()
verdicts = [(c.criterion.text, c.verdict) for c in grade_rubric(letters["a mistake"], letter).criteria]
display(pd.DataFrame(verdicts, columns=["criterion", "without a judge"]).set_index("criterion"))
for name, text in {
    "as it stands": letter,
    "from the last line to the first": "\n".join(lines[::-1]),
    "first line three times": "\n".join([lines[0], lines[0], *lines]),
    "rule 1 in other words": letter.replace("has at most 2 sentences", "must have no more than two sentences"),
}.items():
    print(f"{name:32} {grade_rubric(letters['a mistake'], text, judge=judge).score:.3f}")

# %% [markdown]
# - The three good letters get the same score, criterion by criterion; their word overlap depends on the wording.
# - Without a judge the principle is **undecided**, and the score is taken over the others. Undecided is not failed: a
#   model should not be punished for what nobody has looked at.
# - The order of the criteria, repeated criteria and another wording of a rule that the code knows change nothing. A rule
#   whose wording it does not know is left to the judge.
# - The last letter is a list of key words, and it gets the full score. The **stand-in judge** is a keyword reward
#   again, and has the same hole. A language model as a judge is harder to fool, but the policy has thousands of tries.
#   Whatever judges is part of the reward, and has to be attacked like the rest.

# %% [markdown]
# ## A learned reward
#
# Where neither code nor a rubric can judge, a reward can be **learned**: show a model pairs of completions, one better
# than the other, and train it to give the better one the higher score. With scores $s$ the loss of a pair is
#
# $$-\log \sigma(s_\text{chosen} - s_\text{rejected}),$$
#
# the Bradley-Terry model, and TRL's `RewardTrainer` minimises it. The scorer is the tiny model with a head of one
# number in place of its vocabulary. For once we know the truth as well: the pairs come from the base model's own samples
# on the toy task of your preset's kind, and the grader says which completion is right. So we can check what the learned
# reward has learned.

# %%
tokenizer, base = load_tokenizer("tiny"), load_model("tiny")
n = min(64, settings.eval_problems)
pairs = {
    split: reward_model.sample_pairs(
        base,
        tokenizer,
        load_rows(toy_task, split, size, seed),
        seed=seed,
        max_new_tokens=settings.max_completion_length,
    )
    for split, size in (("train", n), ("validation", n // 2))
}
print({split: f"{len(found)} pairs" for split, found in pairs.items()})
print("chosen:  ", pairs["train"][0]["chosen"].replace("\n", " "))
print("rejected:", pairs["train"][0]["rejected"].replace("\n", " "))

# %% [markdown]
# The next cell trains. With `smoke` there are only a few steps and not much is learned; with `laptop` it takes
# half a minute or so. Then the accuracies: in how many pairs does the chosen completion get the higher score? For the
# pairs of the training; for pairs of other problems (**held out**); and for pairs made by hand, in which the worked
# steps are the same and only the answer is right or wrong. The last line is a rule that takes no training at all: of two
# completions, the one with more lines is the better.

# %%
with tempfile.TemporaryDirectory() as folder:
    training = reward_model.train_reward_model(pairs["train"], Path(folder), steps=min(24, settings.steps), seed=seed)
    learned_reward = reward_model.load_reward(Path(folder))
print(f"{len(training)} steps, loss {training[0]['loss']:.2f} at first, {training[-1]['loss']:.2f} at last")
by_hand = [
    {
        "prompt": row["prompt"],
        "chosen": hacks.honest(row),
        "rejected": format_completion(row["worked"], hacks.wrong(row)),
    }
    for row in load_rows(toy_task, "validation", n // 2, seed)
]
accuracy = {
    "pairs of the training": reward_model.pair_accuracy(learned_reward, pairs["train"]),
    "held-out pairs": reward_model.pair_accuracy(learned_reward, pairs["validation"]),
    "pairs that differ in the answer alone": reward_model.pair_accuracy(learned_reward, by_hand),
}
lines = [(pair["chosen"].count("\n"), pair["rejected"].count("\n")) for pair in pairs["validation"]]
accuracy["held-out pairs, by the number of lines"] = np.mean([(c > r) + 0.5 * (c == r) for c, r in lines])
display(pd.Series(accuracy, name="pair accuracy").map("{:.0%}".format).to_frame())

# %% [markdown]
# Half right is what a coin gets. Compare the second line with the third. Held-out accuracy is what papers report. Where
# it is high and the third is not, the scorer has found something else than the truth. The last line says what that might
# be. In the base model's samples, worked completions are right more often than blurted ones. So **looking worked** tells
# the chosen from the rejected, and it is far easier to see than whether an answer is right.
#
# That is good enough as long as completions look like those of the training. But a policy does not stand still. Here
# are the hacks, scored by the learned reward. Its scale goes from 0 to 1.

# %%
learned = reward_model.learned_suite(learned_reward)
tried = hacks.toy_rows(settings.kind, 4, seed)
fooled = hacks.hack_table(learned, tried).drop(columns=["format_reward", "learned_reward"])
fooled["pays"] = np.where(fooled.total > fooled.honest - 0.01, "yes", "")  # or gets within 0.01 of it
told = fooled.sort_values("total", ascending=False).drop(columns="margin").set_index("hack")
wrong = told[(told.spoils == "answer") & (told["pays"] == "yes")]
print(f"{(told['pays'] == 'yes').sum()} of {len(told)} hacks beat honest work or come within 0.01 of it;")
print(f"{len(wrong)} of those are wrong or cannot be read. The first of these:")
display(wrong.head(12).round(3))

# %%
plots.hack_figure(fooled, most=16)
plt.show()

# %% [markdown]
# *The picture: as before, the hacks with the smallest margins, this time with the learned reward: hatched bars for the
# hacks, diamonds for honest work on the same problems. Where a bar ends at its diamond or beyond, the hack pays on
# average. (They stand in the order of the problem on which each does best, so the bars need not.)*
#
# Every line of the table is a completion that the grader refuses and the learned reward pays like an honest right one.
# Trained against this reward, the policy is taught to look worked. It may become right more often on the way, if working
# helps it; but where the two part, the reward follows the looks. That is **reward hacking** of a learned reward, and more
# data of the same sort is no sure cure: hardly any pair sets a completion that looks worked and is wrong against one that
# looks the same and is right. What helps: keep a checkable reward beside the learned one, hold the policy near the base
# model (`beta` above 0), stop early, collect pairs from the policy as it is *now*, and measure what you care about by
# other means.
#
# As a GRPO reward it works as it stands: `learned_suite` gives it weight 1 and keeps correctness and form in the log
# with weight 0. If your checkout has a recorded run of this kind, the next cell draws it.

# %%
shelf = DATA.parents[1] / "recorded"
recorded = {str(path.parent.relative_to(shelf)): pd.read_csv(path) for path in sorted(shelf.rglob("log.csv"))}
trusted = {name: log for name, log in recorded.items() if "learned_reward" in log}
for name, log in trusted.items():
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    for column, style, label in (
        ("learned_reward", "k-", "learned reward (what is trained)"),
        ("correctness_reward", "k--", "right by the grader (weight 0)"),
        ("format_reward", "k:", "well formed (weight 0)"),
    ):
        axes.plot(log["step"], log[column].rolling(5, min_periods=1).mean(), style, label=label)
    axes.set(xlabel="optimiser step", ylabel="mean reward (mean of 5 steps)", ylim=(0, 1.02), title=name)
    axes.legend()
    axes.grid(alpha=0.3)
    plt.show()
    early, late = log.iloc[:5], log.iloc[-5:]
    for column in ("learned_reward", "correctness_reward"):
        print(
            f"{column}: {early[column].mean():.2f} in the first five steps, {late[column].mean():.2f} in the last five"
        )
if (facts := shelf / "learned_reward/reward_model.json").exists():
    told = {split: f"{share:.0%}" for split, share in read_json(facts)["pair_accuracy"].items()}
    print("the recorded reward model, trained on more pairs and for longer: pair accuracy", told)
if not trusted:
    print("This checkout has no recorded run with a learned reward.")

# %% [markdown]
# *The picture, if there is one: the learned reward as a solid line, the share of right completions as a broken line,
# the share of well formed ones as a dotted line, by step.*
#
# Read the gap. As long as both lines rise together, the learned reward is a useful stand-in. From where the solid line
# goes on and the broken one does not, the run improves the stand-in alone. In real work the broken line is what you do
# not have.
#
# ## Watching a run
#
# No test finds every hole. So watch the training log for the signs: **the reward rises while accuracy falls**, or
# **completions grow longer while accuracy does not rise**. `find_hacking` looks for these over sliding windows, with trends
# that do not mind single odd steps, and for a variance that has collapsed. First on a made-up log, of a model that
# learns to pad.

# %%
steps, noise = np.arange(60), np.random.default_rng(seed)
padded = pd.DataFrame(
    {"step": steps + 1, "reward": 0.0, "mean_length": 0.0, "frac_reward_zero_std": 0.1, "step_time": 1}
)
padded["correctness_reward"] = 0.55 - 0.4 * np.clip((steps - 20) / 30, 0, 1) + noise.normal(0, 0.03, 60)
padded["length_reward"] = 0.2 + 0.7 * np.clip((steps - 15) / 30, 0, 1) + noise.normal(0, 0.03, 60)
padded["reward"] = padded.correctness_reward + padded.length_reward
padded["mean_length"] = 20 + 60 * padded.length_reward
findings = find_hacking(padded)
display(findings)
plots.hacking_figure(padded, findings, "correctness_reward")
plt.show()

# %% [markdown]
# *The picture: above, the reward rising and accuracy falling; in the middle, the length; below, a bar for each finding
# over the steps in which it holds.*
#
# Now real logs: the course's own run on the toy task of your preset's kind, your own if chapter 6 has been run, and
# recorded runs where the checkout has them.

# %%
logs = {"the course's own": REFERENCE / toy_task / "06_training/log.csv", "yours": run.root / "06_training/log.csv"}
logs = {name: pd.read_csv(path) for name, path in logs.items() if path.exists()} | recorded
table = [(name, len(log), "too short to judge", "", "") for name, log in logs.items() if len(log) < FEWEST]
for name, log in logs.items():
    if len(log) >= FEWEST:
        found = find_hacking(log)
        lines = [(row.finding, f"{row.first_step} to {row.last_step}", row.evidence) for row in found.itertuples()]
        table += [(name, len(log), *line) for line in lines or [("no finding", "", "")]]
columns = ["run", "length (steps)", "finding", "steps", "evidence"]
display(pd.DataFrame(table, columns=columns).set_index("run"))

# %% [markdown]
# Most of the recorded runs learn well. `learning rate 0.0125` was broken on purpose, for chapter 6: when it earns nothing
# any more, all rewards are equal, and the variance has collapsed.
#
# A finding is a reason to read the completions of those steps, not a proof. A run may write longer because it begins to
# reason, and be right a little later. And no finding is no proof either: a monitor sees only what the log holds. With a
# learned reward and no graded accuracy beside it, there is nothing to compare.
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
sizes = {"lazy search": [2**k for k in range(8, 12)], "grader": [2**k for k in range(13, 17)]}
works = {"lazy search": lazy.search, "grader": lambda text: grade(text, GOLD)}
rows = []
for name, repeats in sizes.items():
    spent = [milliseconds(works[name], "<answer>" * n) for n in repeats]
    times = [now / before for before, now in zip(spent, spent[1:], strict=False)]
    rows += [(name, 8 * n, ms, t) for n, ms, t in zip(repeats, spent, [np.nan, *times], strict=True)]
table = pd.DataFrame(rows, columns=["work", "characters", "milliseconds", "times the line above"])
display(table.set_index(["work", "characters"]).round(2))

# %% [markdown]
# The last column is about 4 for the lazy search, which is **quadratic**, and about 2 for the grader, which is
# **linear** (expect scatter, above all in short times). Compare the lengths, too. The grader finds tags with `str.count`
# and `str.find`, and it reads a number only from a short answer. So a text of a million `<` costs next to nothing.
#
# ## What is passed on
#
# All assertions above have held, so the suite may train. Chapter 6 reads its name from `rewards.json`.

# %%
folder = run.chapter("05_reward_testing")
chosen = dict(zip(suite.names, suite.weights, strict=True))
write_json(folder / "rewards.json", {"suite": suite.name, "weights": chosen})
print(f"wrote rewards.json ({suite.name}: {chosen}) to {folder}")

# %% [markdown]
# ## What to remember
#
# - A bug in the reward makes training succeed at something else. Test the reward before you train.
# - Tables for what you know, properties for what you do not, the base model's completions for what is
#   real.
# - The bar for an attack is honest work. No attack may outscore it, and the list of attacks grows.
# - Only groups with different rewards teach. Count the others.
# - Let being right pay more than being neat, unless you mean to pay for part marks.
# - Criterion by criterion, not by shared words. Undecided is not failed.
# - A learned reward learns what is easy to see. A high held-out accuracy does not make it safe.
# - Log a graded accuracy beside any reward that you do not trust, and keep rewards linear in the text's length.
#
# **Left out:** language models as judges, and rewards for single steps (process rewards). Both can be attacked by the
# same means, and tested by them.
#
# ## Exercises
#
# `exercises/05_reward_testing.ipynb`: break three rewards yourself, one of each kind, then write a multiple-choice
# reward that holds.
#
# ## Next
#
# Chapter 6 trains with this suite.
