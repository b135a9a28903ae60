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
# answer and names the likely mistake. `part_3.tag_reward.hint()` gives a first hint, `.hint(2)` a second.
#
# **Needs**: chapter 3. Nothing is trained and nothing is downloaded.

# %% tags=["parameters"]
preset = "auto"
seed = 0

# %%
import hashlib

from course_lib.checkers import part_3

TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")
print("tags:", *TAGS)

# %% [markdown]
# ## Exercise 1: a reward that pays for each tag
#
# *Difficulty 2 of 5 · 10 minutes · why it matters: a model that is never well formed gets 0 from a strict reward
# in every group, and learns nothing. A graded reward gives it steps to climb.*
#
# Write a reward that pays 0.25 for each of the four tags that stands in the completion **exactly once**. Order
# and content are not judged. It should work as it stands in TRL:
#
# - it gets `completions` and, by keyword, other columns that it does not use;
# - a completion is a string, or a list with one message, as in `[{"role": "assistant", "content": "the text"}]`;
#   only its content counts, and a message may have other fields;
# - it returns a list with one float per completion.


# %% tags=["exercise"]
def tag_reward(completions, **columns):
    """0.25 for each tag of TAGS that stands in the completion exactly once."""
    # begin solution
    rewards = []
    for completion in completions:
        text = completion if isinstance(completion, str) else completion[0]["content"]
        rewards.append(0.25 * sum(text.count(tag) == 1 for tag in TAGS))
    return rewards
    # end solution


part_3.tag_reward.check(tag_reward)

# %% [markdown] tags=["solution"]
# What the answer leads to: eight samples for each of some training problems, drawn from the base model, scored
# with the strict reward and with yours. A group is of use only if its rewards differ.

# %% tags=["solution"]
from course_lib.evaluation import generate
from course_lib.models import load_model, load_tokenizer
from course_lib.rewards import format_reward
from course_lib.tasks import load_rows

rows = load_rows("toy_math", "train", 32, seed)
asked = [row for row in rows for _ in range(8)]
tokenizer = load_tokenizer("tiny")
samples = generate(load_model("tiny"), tokenizer, [row["prompt"] for row in asked], "sampled", seed=seed)
texts, golds = [sample.text for sample in samples], [row["answer"] for row in asked]
for reward in (format_reward, tag_reward):
    scores = reward(completions=texts, answer=golds)
    groups = [scores[i : i + 8] for i in range(0, len(scores), 8)]
    useful = sum(len(set(group)) > 1 for group in groups)
    mean = sum(scores) / len(scores)
    print(f"{reward.__name__:13} mean {mean:.2f}, rewards differ in {useful} of {len(groups)} groups")

# %% [markdown] tags=["solution"]
# - Compare the two lines. A graded reward tells more ways of being wrong apart, so more groups are of use. The
#   rarer well-formed completions are, the more this helps: where none is ever well formed, the strict reward has
#   nothing to say at all. With a model that writes the form now and then anyway, like ours, the strict reward
#   does well, and it says precisely what is wanted.
# - The price: half the points go to a bare `<answer>4</answer>`, which reasons about nothing, and the checker's
#   sixth example shows that four tags in nonsense order earn everything. A graded reward is a scaffold: give it a
#   small weight beside a strict one, or take it away once the form is learned.
# - Had repeated tags been paid (`tag in text`, or worse, counting them), the policy would have found out: tag
#   spam is among the first hacks that chapter 5 tries.

# %% [markdown]
# ## Exercise 2: a split that stays put
#
# *Difficulty 3 of 5 · 12 minutes · why it matters: if a test problem of today is a training problem tomorrow,
# because the file was sorted anew or a row was added, all comparisons over time are worthless.*
#
# Your own data has no signatures, so the text of the question has to decide. Write a function that says `"test"`
# for about `test_percent` per cent of all questions and `"train"` for the rest, so that
#
# - the answer depends on nothing but the question: not on other rows, on the order, on chance or on the run;
# - case and white space (also line ends, and spaces at both ends) make no difference;
# - raising `test_percent` moves questions from train to test only, never back; at 0 nothing is test, at 100 everything.


# %% tags=["exercise"]
def split_of(question, test_percent):
    """Say "train" or "test", by the words of the question alone."""
    # begin solution
    words = " ".join(question.lower().split())
    bucket = int(hashlib.sha256(words.encode()).hexdigest(), 16) % 100
    return "test" if bucket < test_percent else "train"
    # end solution


part_3.split_of.check(split_of)

# %% [markdown] tags=["solution"]
# What the answer leads to: the same function on wordings of one problem.

# %% tags=["solution"]
from collections import Counter
from random import Random

from course_lib.tasks import toy_math

wordings = [toy_math.word(Random(f"{seed} {i}"), 12, [("+", 5), ("-", 4), ("*", 2)]) for i in range(200)]
print("200 wordings of the problem 12 +5 -4 *2:", dict(Counter(split_of(text, 10) for text in wordings)))

# %% [markdown] tags=["solution"]
# - The split is stable, needs no stored list, and new rows can be added for ever without moving an old one.
# - It protects from copies, not from paraphrases: the wordings of a single problem land on both sides, as the
#   printed line shows. That is why `toy_math` hashes the signature. With real data, hash whatever the variants
#   share, for instance the identifier of the text that a question was made from.
# - `hash()` would have looked right all day: it is constant within one run of Python and salted anew in the next.
#   Such a leak shows up only as a test score that is a little too good.
