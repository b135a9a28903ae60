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
# # Exercises 7: Evaluation

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/solutions/07_evaluation.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/solutions/07_evaluation.ipynb)

# %% [markdown]
# Three exercises for chapter 7: how many problems a claim needs, what a model *could* answer, and how sure a gain is.
# Each cell ends with its check. `part_7.problems_needed.hint()` and `.hint(2)` help.

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
from math import comb

import numpy as np

from course_lib.checkers import part_7
from course_lib.presets import get_preset
from course_lib.statistics import wilson

settings = get_preset(preset)

# %% [markdown]
# ## Exercise 1: how many problems?
#
# *Difficulty 2 of 5, 8 minutes.* **Why it matters**: decide on the number of problems before you measure, from the
# difference that you want to be able to see. Afterwards it is too late.
#
# Write `problems_needed`. It returns the smallest **even** n for which n/2 right answers out of n have a Wilson
# interval whose half width is at most `half_width` (a fraction: 0.05 is five points). A rate of one half is the
# worst case: at any other rate, the interval is narrower. `wilson(right, n)` from the library gives the two ends.


# %% tags=["exercise"]
def problems_needed(half_width):
    """The smallest even n whose Wilson interval at n/2 right answers reaches at most ``half_width`` to each side."""
    # begin solution
    n = 2
    while True:
        low, high = wilson(n // 2, n)
        if (high - low) / 2 <= half_width:
            return n
        n += 2
    # end solution


part_7.problems_needed.check(problems_needed)

# %% [markdown] tags=["solution"]
# **What it leads to.** Half the width costs four times the problems. The cell below also shows what the number of
# problems of your preset can tell apart. To see a difference of a few points, hundreds of problems are needed, and
# the *paired* test of chapter 7 helps most there: it ignores all the problems on which both models agree.

# %% tags=["solution"]
for points in (20, 10, 5, 2.5):
    print(f"half width of {points:>4} points: {problems_needed(points / 100):>5} problems")
n = settings.eval_problems
low, high = wilson(n // 2, n)
print(f"preset {settings.name}: {n} problems, half width {50 * (high - low):.1f} points at a rate of one half")

# %% [markdown]
# ## Exercise 2: pass@k
#
# *Difficulty 3 of 5, 12 minutes.* **Why it matters**: GRPO can only reward what is sampled. pass@k is the probability
# that at least one of k sampled completions is right. A large gap between pass@1 and pass@k is room for GRPO. Where
# even pass@k is near 0, there is nothing to reward.
#
# You have sampled n completions of a problem, and c of them are right. Write `pass_at_k`: the probability that a
# random choice of k **different** ones among the n holds at least one right one. It is easier to count the choices
# that hold none.


# %% tags=["exercise"]
def pass_at_k(n, c, k):
    """The probability that k of the n completions, drawn without putting back, hold one of the c right ones."""
    # begin solution
    return 1 - comb(n - c, k) / comb(n, k)
    # end solution


part_7.pass_at_k.check(pass_at_k)

# %% [markdown] tags=["solution"]
# **What it leads to.** The tempting formula 1 - (1 - c/n)^k puts each completion back before the next draw. It is
# systematically too low, and most so when k is close to n. With the right formula, look at the base model: eight
# samples for each of some held-out problems.

# %% tags=["solution"]
from course_lib.evaluation import evaluate
from course_lib.models import load_model, load_tokenizer
from course_lib.tasks import load_rows

problems = load_rows("toy_math", "test", 24)
table = evaluate(load_model("tiny"), load_tokenizer("tiny"), problems, "sampled", samples=8, seed=seed)
right = table.groupby("problem")["correct"].sum()
for k in (1, 2, 4, 8):
    exact = sum(pass_at_k(8, int(c), k) for c in right) / len(right)
    biased = sum(1 - (1 - c / 8) ** k for c in right) / len(right)
    print(f"pass@{k}: {exact:.2f}   (with the tempting formula: {biased:.2f})")

# %% [markdown] tags=["solution"]
# The tiny base model often finds the answer in one of eight tries though not in a single one: it can, but does not
# do so reliably. That is what GRPO turns into a habit, by moving pass@1 towards pass@8. Where pass@8 itself is near
# 0, choose easier problems or a better base model before you train.

# %% [markdown]
# ## Exercise 3: how sure is a gain?
#
# *Difficulty 3 of 5, 12 minutes.* **Why it matters**: two rates with an interval each do not say how sure their
# difference is. The same problems were asked twice, and an easy one is easy both times.
#
# Write `gain_interval`. `before` and `after` are arrays with 1 for right and 0 for wrong, problem by problem. Draw
# n of the n problems again, with repetition, 2000 times; each time take the mean of after minus before *over the drawn
# problems*. Return the 2.5 % and the 97.5 % quantile of these 2000 differences (`np.quantile`). `rng.integers(0, n, n)`
# draws n problems.


# %% tags=["exercise"]
def gain_interval(before, after, rng):
    """The 95 % paired bootstrap interval of the gain, as (low, high)."""
    # begin solution
    n = len(before)
    gains = []
    for _ in range(2000):
        drawn = rng.integers(0, n, n)
        gains.append((after[drawn] - before[drawn]).mean())
    return np.quantile(gains, 0.025), np.quantile(gains, 0.975)
    # end solution


part_7.gain_interval.check(gain_interval)

# %% [markdown] tags=["solution"]
# **What it leads to.** Draw the problems of the two models separately, and the interval grows: it then holds the luck
# of getting easier problems, which a paired comparison has taken out. The cell below compares the two for models that
# agree on most problems. The library's `paired_difference` does the same as yours, for all problems at once.

# %% tags=["solution"]
rng = np.random.default_rng(seed)
easy = rng.random(400)  # how easy each problem is
before, after = (easy > 0.50).astype(float), (easy + 0.05 * rng.normal(size=400) > 0.46).astype(float)
low, high = gain_interval(before, after, rng)
apart = [rng.choice(after, 400).mean() - rng.choice(before, 400).mean() for _ in range(2000)]
print(f"gain {100 * (after - before).mean():+.1f} points; paired {100 * low:+.1f} to {100 * high:+.1f}")
print(f"drawn apart: {100 * np.quantile(apart, 0.025):+.1f} to {100 * np.quantile(apart, 0.975):+.1f}")
