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
# # 2. GRPO theory
#
# ## The loss by hand, checked against TRL

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/notebooks/02_grpo_theory.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/notebooks/02_grpo_theory.ipynb)

# %% [markdown]
# After this chapter you will be able to
#
# - say why GRPO compares completions with each other and needs no critic;
# - turn a group of rewards into advantages, with pencil and paper;
# - write the whole GRPO loss (ratio, clipping, KL, averaging) in about twenty lines;
# - show that your lines give the same numbers *and the same gradients* as TRL's `GRPOTrainer`;
# - explain why the value of the loss says nothing about whether the model is learning.
#
# **Time**: about 60 minutes to read, well under a minute to run on two CPU cores. **Needs**: some PyTorch, and an
# idea of what a language model's log-probabilities are. This chapter always uses the tiny model that ships with
# the course, whatever the preset.

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
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display

from course_lib.artifacts import Run, write_json
from course_lib.models import load_model, load_tokenizer
from course_lib.presets import get_preset
from course_lib.prompts import build_prompt
from course_lib.rewards import get_suite
from course_lib.rollouts import GOLD, QUESTION, ROLLOUTS
from course_lib.tasks import load_rows

torch.manual_seed(seed)
settings = get_preset(preset)
run = Run(settings)

# %% [markdown]
# ## From a score to a gradient
#
# Supervised training needs a text to imitate. Here nobody writes that text. The model writes a **completion**,
# and a grader gives it a number, the **reward** $R$. We want the expected reward to rise.
#
# Sampling a token cannot be differentiated. The *policy gradient* gets round that:
#
# $$\nabla_\theta\, \mathbb{E}[R] \;=\; \mathbb{E}\big[\,R \;\nabla_\theta \log \pi_\theta(\text{completion})\,\big]$$
#
# In words: draw completions, and make each one more likely in proportion to its reward. The **policy**
# $\pi_\theta$ is the model that we train.
#
# The formula has a weakness. If all rewards are positive, every completion that was drawn is pushed up, the bad
# ones too; only over very many draws does the difference come out. The cure is a **baseline** $b$: push by $R -
# b$. As long as $b$ does not depend on the completion that it judges, the expected gradient stays the same, and
# its noise falls.
#
# The next cell shows this on the smallest policy there is, three possible answers instead of texts. It estimates
# the gradient from groups of 8 draws, with three baselines, and again after adding 2 to every reward.

# %%
probs = np.array([0.65, 0.25, 0.10])  # blurts, reasons but slips, reasons and is right
rng = np.random.default_rng(seed)
group_size, groups = 8, 4000


def estimates(rewards, baseline):
    """One estimate per group of dE[R]/d(logit of "reasons and is right")."""
    drawn = rng.choice(3, size=(groups, group_size), p=probs)
    reward = rewards[drawn]
    b = {"none": 0.0, "expected reward": rewards @ probs, "group mean": reward.mean(1, keepdims=True)}[baseline]
    return ((reward - b) * ((drawn == 2) - probs[2])).mean(1)


rows = []
for offset in (0.0, 2.0):
    rewards = np.array([0.0, 0.5, 1.5]) + offset
    exact = probs[2] * (rewards[2] - rewards @ probs)
    for baseline in ("none", "expected reward", "group mean"):
        found = estimates(rewards, baseline)
        rows.append((offset, baseline, exact, found.mean(), found.std()))
columns = ["added to every reward", "baseline", "exact gradient", "mean estimate", "spread of estimates"]
display(pd.DataFrame(rows, columns=columns).round(3))

# %% [markdown]
# Read the last column. Adding 2 to every reward changes nothing about which answer is better, yet without a
# baseline the estimates scatter several times as widely. With a baseline the offset is gone.
#
# The two baselines do nearly equally well, and that is the whole idea of GRPO:
#
# - *Expected reward* is what a **critic** estimates. PPO trains a second network for it, as large as the policy.
# - *Group mean* needs no network. Draw several completions for the same prompt, and let each be judged against
#   the average of its **group**.
#
# (The group mean contains the completion's own reward, so that its mean estimate is smaller by the factor
# $(G-1)/G$, here 7/8. That changes the length of the step, not its direction.)
#
# | | PPO for language models | GRPO |
# |---|---|---|
# | policy | trained | trained |
# | reference model (for the KL term) | frozen copy | frozen copy, or none when β = 0 |
# | critic | a second trained network | **none** |
# | baseline | critic's guess, token by token | **mean reward of the group** |
# | completions per prompt | one is enough | G ≥ 2 |
# | advantage | differs from token to token | one number for the whole completion |

# %% [markdown]
# ## Rewards of the toy rollouts
#
# Four completions of one question travel through the course. Here is the question, and what the course's reward
# suite `starter` says of them: 1 point for the right answer inside the answer tags, 0.5 for being **well
# formed**. Chapter 3 shows how the rewards are computed; here they are only numbers.

# %%
suite = get_suite("starter")
completions = list(ROLLOUTS.values())
columns = {"completions": completions, "answer": [GOLD] * 4, "task": ["toy_math"] * 4}
parts = {reward.__name__: reward(**columns) for reward in suite.rewards}
rollouts = pd.DataFrame({"completion": completions, **parts}, index=list(ROLLOUTS))
rollouts["reward"] = sum(w * np.array(part) for w, part in zip(suite.weights, parts.values(), strict=True))
print(QUESTION)
display(rollouts)

# %% [markdown]
# ## The advantage
#
# The **advantage** says how much better a completion is than its group, in units of the group's own spread:
#
# $$A_i = \frac{R_i - \text{mean}(R_1 \dots R_G)}{\text{std}(R_1 \dots R_G) + 10^{-4}}$$
#
# Two details matter when you compare numbers with TRL's. The standard deviation divides by $G-1$ (`ddof=1`,
# PyTorch's default, not NumPy's). And $10^{-4}$ keeps the division finite when all rewards are equal.


# %%
def group_advantages(rewards, group_size):
    """Advantages of rewards that come group after group. Shapes: (prompts * G,) -> (prompts * G,)."""
    grouped = torch.as_tensor(rewards, dtype=torch.float32).view(-1, group_size)
    mean = grouped.mean(dim=1, keepdim=True)
    std = grouped.std(dim=1, keepdim=True)  # ddof = 1
    return ((grouped - mean) / (std + 1e-4)).flatten()


rollouts["advantage"] = group_advantages(rollouts["reward"].tolist(), group_size=4).tolist()
display(rollouts[["reward", "advantage"]].round(4))

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
names = list(ROLLOUTS)
axes[0].barh(names, rollouts["reward"], color="0.75", edgecolor="black")
axes[0].axvline(rollouts["reward"].mean(), color="black", linestyle="--", label="group mean")
axes[0].set_xlabel("reward (points)")
axes[0].legend()
axes[0].invert_yaxis()
bars = axes[1].barh(names, rollouts["advantage"], edgecolor="black")
for bar, value in zip(bars, rollouts["advantage"], strict=True):
    bar.set(facecolor="0.75" if value > 0 else "white", hatch="" if value > 0 else "///")
axes[1].axvline(0, color="black", linewidth=1)
axes[1].set_xlabel("advantage (standard deviations of the group)")
fig.tight_layout()
plt.show()

# %% [markdown]
# *Picture: two bar charts of the four rollouts. Left, their rewards with the group mean as a dashed line; right,
# their advantages, above zero (filled) for the two that beat the mean, below zero (hatched) for the other two.*
#
# The advantages are the same bars, moved so that the mean lies at zero, and measured in units of the group's standard
# deviation. Notice "blurts, right": it did not follow
# the instruction, yet it is pushed **up**, because this group is weak. In a group of well-formed right answers
# the same text would be pushed down. A completion has no value of its own in GRPO, only a place in its group.
#
# Three properties are worth a try, since much of GRPO's behaviour follows from them.

# %%
reward = torch.tensor(rollouts["reward"].tolist())
tried = pd.DataFrame(
    {
        "as they are": group_advantages(reward, 4),
        "every reward + 10": group_advantages(reward + 10, 4),
        "every reward x 100": group_advantages(reward * 100, 4),
        "all equal": group_advantages([1.0, 1.0, 1.0, 1.0], 4),
    },
    index=names,
)
display(tried.round(4))

# %% [markdown]
# - **Offsets do not matter**: only differences within a group count.
# - **Scale hardly matters**: dividing by the standard deviation removes it. So doubling *all* weights of a reward
#   suite does next to nothing. What counts is how the weights compare *with each other*.
# - **Equal rewards teach nothing**: a zero-variance group has advantages 0. We come back to it at the end.

# %% [markdown]
# ## Log-probabilities, token by token
#
# The advantage is one number per completion. The model works in tokens, and a completion's log-probability is the
# sum over its tokens. Two things go wrong easily here, so look at the slices: the logits at position $t$ predict
# token $t+1$, and only the completion's tokens count, not the prompt's. When sampling used a temperature, the
# logits are divided by it first.


# %%
def token_logps(model, input_ids, attention_mask, completion_length, temperature=1.0):
    """Log-probability of each completion token. Shapes: (B, P + C), (B, P + C) -> (B, C)."""
    logits = model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits
    logps = (logits[:, :-1] / temperature).log_softmax(dim=-1)
    chosen = logps.gather(-1, input_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    return chosen[:, -completion_length:]


model, tokenizer = load_model("tiny"), load_tokenizer("tiny")
prompt_text = tokenizer.apply_chat_template(build_prompt(QUESTION), add_generation_prompt=True, tokenize=False)
prompt_ids = tokenizer(prompt_text, add_special_tokens=False)["input_ids"]
completion_ids = [tokenizer(text + "<end_of_turn>", add_special_tokens=False)["input_ids"] for text in completions]
print(f"prompt: {len(prompt_ids)} tokens; completions: {[len(ids) for ids in completion_ids]} tokens")

# %% [markdown]
# Completions differ in length, so shorter ones are padded on the right, and a **mask** says which tokens are
# real. The final `<end_of_turn>` is real: the model has to learn when to stop.

# %%
longest = max(map(len, completion_ids))
padded = [ids + [tokenizer.pad_token_id] * (longest - len(ids)) for ids in completion_ids]
mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in completion_ids])
input_ids = torch.tensor([prompt_ids + ids for ids in padded])
attention_mask = torch.cat([torch.ones(4, len(prompt_ids), dtype=torch.long), mask], dim=1)

with torch.no_grad():
    logps = token_logps(model, input_ids, attention_mask, longest)
rollouts["tokens"] = mask.sum(1).numpy()
rollouts["log-probability"] = (logps * mask).sum(1).numpy()
rollouts["per token"] = rollouts["log-probability"] / rollouts["tokens"]
display(rollouts[["reward", "advantage", "tokens", "log-probability", "per token"]].round(2))

# %%
fig, axes = plt.subplots(2, 1, figsize=(10, 7))
for i, axis in enumerate(axes):
    pieces = [tokenizer.decode([token]).replace("\n", "\\n") for token in completion_ids[i]]
    axis.bar(range(len(pieces)), logps[i, : len(pieces)], color="0.6", edgecolor="black")
    axis.set_xticks(range(len(pieces)), pieces, rotation=90, family="monospace", fontsize=8)
    axis.set_title(f'"{names[i]}"', loc="left", fontsize=10)
    axis.set_ylabel("log-prob. (nats)")
axes[1].set_xlabel("tokens of the completion, in order")
fig.tight_layout()
plt.show()

# %% [markdown]
# *Picture: two rows of bars hanging down from zero, one bar per token, for the two rollouts that reason. Most
# bars are too short to see, a few are long. The two scales differ.*
#
# (Nats are natural logarithms: -1 is a probability of 37 %, -10 one of 1 in 22,000.) A bar that reaches far down is a
# token which the base model would rarely have written. Most bars are close to
# zero: once the model has decided *how* to answer, the rest follows almost by itself. In the upper panel the long
# bars (`<`, `reasoning`, `</`) are decisions about form: whether to open the reasoning block, and when to close it.
# There GRPO will change the model. The longest bar, in the lower panel, is the slip: the `2` of `17-4=12`. The
# model would hardly ever write it. Yet once it stands there, it is carried on without hesitation: `12*2=24`.

# %% [markdown]
# ## The ratio, and why it is clipped
#
# Generating is the expensive part, so one would like to take several steps on the same completions. But after the
# first step the policy is no longer the one that wrote them. The **ratio** puts that right, token by token:
#
# $$\rho_t = \frac{\pi_\theta(o_t)}{\pi_{\text{old}}(o_t)} = \exp(\log \pi_\theta(o_t) - \log \pi_{\text{old}}(o_t))$$
#
# A correction by a large ratio is noisy, and nothing would stop the policy from running away. PPO's answer, taken
# over by GRPO, is to stop pushing once the ratio has left the interval from $1-\varepsilon$ to $1+\varepsilon$:
#
# $$L_t = -\min\big(\rho_t A,\; \text{clip}(\rho_t, 1-\varepsilon, 1+\varepsilon)\, A\big)$$


# %%
def token_loss(logps, old_logps, advantages, epsilon=0.2):
    """The clipped loss of each token. Shapes: (B, C), (B, C), (B,) -> (B, C)."""
    ratio = torch.exp(logps - old_logps)
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    advantage = advantages.unsqueeze(1)
    return -torch.minimum(ratio * advantage, clipped * advantage)


# %%
ratio = torch.linspace(0.4, 1.8, 400)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for axis, A in zip(axes, (1.0, -1.0), strict=True):
    objective = -token_loss(ratio.log().unsqueeze(1), torch.zeros(400, 1), torch.full((400,), A)).squeeze(1)
    axis.plot(ratio, ratio * A, color="0.5", linestyle=":", label="ratio x A")
    axis.plot(ratio, objective, color="black", label="clipped objective")
    for edge in (0.8, 1.2):
        axis.axvline(edge, color="black", linewidth=0.8, linestyle="--")
    axis.set_title(f"A = {A:+.0f}")
    axis.set_xlabel("ratio (new / old probability)")
    axis.set_ylabel("objective (in units of |A|)")
    axis.legend()
fig.tight_layout()
plt.show()

# %% [markdown]
# *Picture: two panels. For A = +1 the objective rises with the ratio and is flat to the right of 1.2. For A = −1
# it falls with the ratio and is flat to the left of 0.8. Dashed lines mark 0.8 and 1.2.*
#
# A flat line means no gradient. A token of a good completion is pushed up until it is 20 % more likely, then left
# alone. A token of a bad completion is pushed down until it is 20 % less likely. On the *other* side nothing is
# clipped: a good completion that has become less likely is always pulled back. The minimum does this; with
# `clamp` alone, mistakes could not be repaired.

# %% [markdown]
# ## The KL term
#
# The **reference model** is the policy before training. A penalty on the distance from it keeps the model from
# forgetting how to write. The distance is estimated from the very tokens that were drawn, by the estimator called
# k3:
#
# $$\text{k3}_t = e^{d} - d - 1, \qquad d = \log \pi_{\text{ref}}(o_t) - \log \pi_\theta(o_t)$$
#
# The plain estimate $-d$ is right on average too, but it is negative for many tokens. k3 never is. A check on two
# distributions over five tokens, where the exact KL is known:


# %%
def k3(logps, ref_logps):
    """Schulman's estimator of KL(policy, reference), per token: never negative. Shapes as given."""
    d = ref_logps - logps
    return d.exp() - d - 1


generator = torch.Generator().manual_seed(seed)
policy_logps = torch.randn(5, generator=generator).log_softmax(0)
ref_logps = (policy_logps + 0.4 * torch.randn(5, generator=generator)).log_softmax(0)
exact = (policy_logps.exp() * (policy_logps - ref_logps)).sum()
drawn = torch.multinomial(policy_logps.exp(), 20_000, replacement=True, generator=generator)
samples = {"k3": k3(policy_logps, ref_logps)[drawn], "-d": (policy_logps - ref_logps)[drawn]}
print(f"exact KL: {exact:.4f}")
for name, sample in samples.items():
    print(f"{name:>3}: mean {sample.mean():.4f}, spread {sample.std():.4f}, lowest {sample.min():.4f}")

# %% [markdown]
# Both means come close to the exact value; k3 scatters less and is never below zero.
#
# The weight of the penalty is β. TRL's default is 0, and so is this course's: rewards that are checked by code
# leave less to exploit than a learned reward model, and without the penalty no reference log-probabilities are
# needed. When β is above 0, TRL departs from the textbook: it multiplies k3 by the ratio
# (`use_bias_correction_kl=True`). That keeps the estimate right when the policy has moved away from the one that
# sampled. And even where the ratio is 1, it makes the *gradient* that of the KL divergence, which the gradient of k3
# alone is not. We do the same.

# %% [markdown]
# ## From token losses to one number
#
# Each token has its loss now. They still have to be averaged, and here the variants differ, with real
# consequences:
#
# | `loss_type` | average | a token's weight depends on |
# |---|---|---|
# | `grpo` | mean over each completion's tokens, then mean over completions | the length of its own completion |
# | `bnpo` | sum over all tokens / number of tokens in the micro-batch | the micro-batch |
# | `dapo` | sum over all tokens / number of tokens in the whole generation batch | the generation batch |
# | `dr_grpo` | sum over all tokens / (completions × `max_completion_length`) | nothing: a constant |


# %%
def average(loss, mask, loss_type, max_completion_length):
    """One number from token losses. Shapes: (B, C), (B, C) -> (). One micro-batch, so bnpo equals dapo."""
    if loss_type == "grpo":
        return ((loss * mask).sum(1) / mask.sum(1)).mean()
    if loss_type in ("bnpo", "dapo"):
        return (loss * mask).sum() / mask.sum()
    if loss_type == "dr_grpo":
        return (loss * mask).sum() / (loss.shape[0] * max_completion_length)
    raise ValueError(f"unknown loss_type {loss_type!r}")


lengths = {"short": 10, "long": 60}
two = torch.tensor([[1.0] * n + [0.0] * (60 - n) for n in lengths.values()])
weights = {}
for loss_type in ("grpo", "dapo", "dr_grpo"):
    token = torch.zeros(2, 60, requires_grad=True)
    average(token, two, loss_type, max_completion_length=80).backward()
    weights[loss_type] = 100 * token.grad[:, 0]
display(pd.DataFrame(weights, index=[f"{k} completion ({n} tokens)" for k, n in lengths.items()]).round(2))

# %% [markdown]
# The table gives the weight of **one token** in percent, for a batch of one short and one long completion.
#
# With `grpo`, a token of the short completion counts six times as much as one of the long completion. So a right
# answer is rewarded more when it is short, and a *wrong* answer is punished less, per token, when it is long: the
# model may learn to ramble when it does not know. `dapo` and `dr_grpo` give each token the same weight. This
# course uses `dapo`, TRL's default.
#
# These names set the average alone. The methods of those names do more: Dr. GRPO also leaves out the division by the
# standard deviation (`scale_rewards="none"`), DAPO also widens the upper clip and skips groups without variance.

# %% [markdown]
# ## The whole loss
#
# Everything together. This is GRPO; the rest of this chapter tests it.


# %%
def grpo_loss(
    logps, old_logps, advantages, mask, loss_type="dapo", max_length=80, epsilon=0.2, ref_logps=None, beta=0.0
):
    """The GRPO loss. Shapes: logps, old_logps, ref_logps, mask (B, C); advantages (B,) -> ()."""
    loss = token_loss(logps, old_logps, advantages, epsilon)
    if beta > 0:
        ratio = torch.exp(logps - old_logps)
        loss = loss + beta * ratio * k3(logps, ref_logps)
    return average(loss, mask, loss_type, max_length)


# %% [markdown]
# First on the toy rollouts: one plain gradient step on the tiny model, and the four log-probabilities before and
# after.

# %%
advantages = torch.tensor(rollouts["advantage"].tolist())
before = token_logps(model, input_ids, attention_mask, longest)
loss = grpo_loss(before, before.detach(), advantages, mask)
model.zero_grad()
loss.backward()
with torch.no_grad():
    norm = sum(p.grad.pow(2).sum() for p in model.parameters()).sqrt()
    for parameter in model.parameters():
        parameter -= 0.02 * parameter.grad / norm  # a step of length 0.02
    after = token_logps(model, input_ids, attention_mask, longest)
print(f"loss {loss.item():.4f}, norm of the gradient {norm.item():.3f}")
moved = rollouts[["reward", "advantage"]].copy()
moved["change of log-probability"] = ((after - before) * mask).sum(1).tolist()
moved["product"] = moved["advantage"] * moved["change of log-probability"]
print(f"sum of the products: {moved['product'].sum():+.3f}")
display(moved.round(3))

# %% [markdown]
# Compare the signs of advantage and change. Where they agree, the product is positive and the step did what the
# advantage asked for. They need not agree in every row: completions share tokens, and a push on `<answer>` in one
# rollout moves it in all of them. What a small step along the gradient does promise is that the *sum* of the
# products is positive.

# %% [markdown]
# ## The same numbers from TRL
#
# Now the real thing. We build a `GRPOTrainer` on the tiny model with a fresh LoRA adapter (the library's
# `make_trainer` only passes our settings on), two prompts per step and groups of four. We let **TRL** generate,
# reward and score a batch. `trainer.train()` would do this inside; we call its parts one by one. One of the names
# starts with an underscore: it belongs to TRL's inside and may change with its version, which is why the course
# pins it.

# %%
from course_lib.backends import start_backend

G = 4
theory = get_preset("smoke", prompts_per_step=2, group_size=G, steps=16, beta=0.04, backend="transformers")
start_backend(theory)  # TRL as it is, even where Unsloth would put its own in place

from course_lib.training import make_trainer

rows = load_rows("toy_math", "train", theory.train_problems, seed)
trainer = make_trainer(theory, suite, rows, Path(tempfile.mkdtemp()), seed, quiet=True)
trainer.model.train()
trainer.current_gradient_accumulation_steps = 1  # trainer.train() would set it

for first in range(0, len(rows), 2):  # go on until a group's completions differ in reward
    asked = [row for row in rows[first : first + 2] for _ in range(G)]
    batch = trainer._generate_and_score_completions(asked)
    if batch["advantages"].any():
        break
print({name: tuple(value.shape) for name, value in batch.items()})

# %% [markdown]
# The batch holds what our function takes: token ids, masks, one advantage per completion. (`ref_per_token_logps`
# is there because β is above 0 in this trainer. `old_per_token_logps` is missing; you will see why in a moment.)
#
# **Advantages first.** We decode the completions, grade them ourselves, and use our own `group_advantages`.

# %%
ids = [row[keep.bool()].tolist() for row, keep in zip(batch["completion_ids"], batch["completion_mask"], strict=True)]
texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
columns = {"completions": texts, "answer": [row["answer"] for row in asked], "completion_ids": ids}
found = [torch.tensor(f(**columns)) * w for f, w in zip(suite.rewards, suite.weights, strict=True)]
ours = group_advantages(sum(found), G)
theirs = batch["advantages"].cpu()
table = pd.DataFrame(
    {
        "prompt": [1] * G + [2] * G,
        "completion": [text.replace("\n", " ")[:40] for text in texts],
        "reward": sum(found),
        "advantage by hand": ours,
        "advantage from TRL": theirs,
    }
)
assert torch.allclose(ours, theirs, atol=1e-5), "advantages differ from TRL's"
display(table.round(4))

# %% [markdown]
# The two last columns agree. The figures themselves depend on the draw.
#
# **Then the loss.** For each `loss_type` we compute it by hand and let TRL compute it, and compare the numbers
# and the gradients of all LoRA parameters. A gradient is the harder test: two losses can agree by luck in one
# number, not in thousands.

# %%
lora = [p for p in trainer.model.parameters() if p.requires_grad]


def by_hand(batch, loss_type, beta):
    both = [torch.cat([batch[f"prompt_{x}"], batch[f"completion_{x}"]], dim=1) for x in ("ids", "mask")]
    mask = batch["completion_mask"]
    logps = token_logps(trainer.model, *both, mask.shape[1], theory.temperature)
    old = batch.get("old_per_token_logps", logps.detach())
    limit, ref = theory.max_completion_length, batch["ref_per_token_logps"]
    return grpo_loss(logps, old, batch["advantages"], mask, loss_type, limit, theory.epsilon, ref, beta)


def compare(batch, loss_type, beta):
    """Our loss and TRL's on one batch, their values and their gradients."""
    trainer.loss_type, trainer.beta = loss_type, beta  # TRL reads both anew at each step
    losses = by_hand(batch, loss_type, beta), trainer.compute_loss(trainer.model, batch)
    ours, theirs = (torch.cat([g.flatten() for g in torch.autograd.grad(x, lora)]) for x in losses)
    assert torch.allclose(*losses, atol=1e-5), f"{loss_type}: the losses differ"
    assert torch.allclose(ours, theirs, atol=1e-4 * theirs.norm().item()), f"{loss_type}: the gradients differ"
    return {
        "loss_type": loss_type,
        "beta": beta,
        "by hand": losses[0].item(),
        "TRL": losses[1].item(),
        "gradient norm": theirs.norm().item(),
        "gradients differ by": f"{(ours - theirs).abs().max():.0e}",
    }


# %%
LOSS_TYPES = ("grpo", "bnpo", "dapo", "dr_grpo")
display(pd.DataFrame([compare(batch, loss_type, 0.0) for loss_type in LOSS_TYPES]).round(6))

# %% [markdown]
# The losses agree to the last digits shown, and so do the gradients (the last column is the largest difference in
# any one of them); what is left is rounding of 32-bit numbers.
#
# ## Why the loss is 0 while the gradient is not
#
# Look at the row `grpo`: the loss is 0 but for rounding, the gradient is not. This is no error. TRL takes one
# step per generation here, so the policy that writes and the policy that learns are the same. TRL then uses the
# current log-probabilities, *detached*, as the old ones. So every ratio is exactly 1, and the loss is
#
# $$-\text{mean}(1 \cdot A_i) = 0, \quad\text{since the advantages of a group sum to 0.}$$
#
# But the derivative of the ratio is the derivative of the log-probability, and that is not 0. The other types
# weigh a completion by its length, so their value may lie away from 0. It then says only whether the long
# completions of this batch did better (below 0) or worse (above 0) than the short ones.
#
# > Never judge a GRPO run by its loss. Watch the reward, and the norm of the gradient.
#
# ## Off-policy: when the ratio is not 1
#
# While the policy that learns is still the one that wrote (*on-policy*), clipping does nothing. And as our adapter is
# fresh, policy and reference are the same, so the KL term is 0 too. That test would miss a mistake in either. We
# therefore play a policy that has moved on: keep the log-probabilities as *old*, then shake the adapter at random,
# and compare again, with and without the KL term.


# %%
@torch.no_grad()
def logps_now(batch):
    both = [torch.cat([batch[f"prompt_{x}"], batch[f"completion_{x}"]], dim=1) for x in ("ids", "mask")]
    return token_logps(trainer.model, *both, batch["completion_mask"].shape[1], theory.temperature)


@torch.no_grad()
def shake_adapter(batch, old):
    """Shake harder and harder, until a twentieth of the ratios lie outside the interval. Returns the ratios."""
    for std in (0.05, 0.1, 0.2, 0.4):  # how hard depends on the adapter, so we try
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=std)
        ratio = (logps_now(batch) - old).exp()
        if ((ratio - 1).abs() > theory.epsilon)[batch["completion_mask"].bool()].float().mean() > 0.05:
            break
    return ratio


# %%
torch.manual_seed(seed)
batch["old_per_token_logps"] = logps_now(batch)
ratio = shake_adapter(batch, batch["old_per_token_logps"])
advantage, real = batch["advantages"].unsqueeze(1), batch["completion_mask"].bool()
clipped = ((advantage > 0) & (ratio > 1 + theory.epsilon)) | ((advantage < 0) & (ratio < 1 - theory.epsilon))
print(f"ratios from {ratio[real].min():.3f} to {ratio[real].max():.3f};", end=" ")
outside = ((ratio - 1).abs() > theory.epsilon)[real].sum()
print(f"of {real.sum()} tokens {outside} lie outside the interval, and {clipped[real].sum()} are clipped")
table = pd.DataFrame([compare(batch, loss_type, beta) for beta in (0.0, 0.04) for loss_type in LOSS_TYPES])
display(table.round(6))

# %% [markdown]
# The ratios now lie on both sides of 1. The first line says how many tokens are clipped: not all outside the interval,
# as the sign of the advantage decides. No loss is 0 any more, and the two columns still agree, with KL and without.
# `bnpo` and `dapo` agree with each other because this batch is a single micro-batch.
#
# You have written GRPO. What follows in this course (data, rewards, model, training) feeds this one function.

# %% [markdown]
# ## Groups that teach nothing
#
# If all completions of a group have the same reward, each advantage is 0 and so is the gradient. How often does
# that happen? If a completion is right with probability $p$ and the reward is only right or wrong, a group of $G$
# is wasted with probability $p^G + (1-p)^G$.

# %%
p = np.linspace(0, 1, 201)
fig, axis = plt.subplots(figsize=(6.5, 3.4))
for size, style in ((4, "-"), (8, "--"), (16, ":")):
    axis.plot(p, 100 * (p**size + (1 - p) ** size), linestyle=style, color="black", label=f"G = {size}")
axis.set_xlabel("chance that one completion is right")
axis.set_ylabel("groups that teach nothing (%)")
axis.legend(title="group size")
fig.tight_layout()
plt.show()

# %% [markdown]
# *Picture: three U-shaped curves. All reach 100 % at both ends; larger groups have a wider and deeper floor.*
#
# Problems that the model always solves teach nothing, and neither do those that it never solves. Where a
# completion is right one time in twenty, most groups of 4 are wasted, far fewer of 16. There are three ways out:
# larger groups, problems of mixed difficulty, and rewards with more than two values, such as a part for the form.
# TRL logs the share of wasted groups as `frac_reward_zero_std`; chapter 5 measures it for our rewards.

# %% [markdown]
# ## What was left out
#
# - TRL knows more loss types (`cispo`, `sapo`, `luspo`, `vespo`) and a ratio for the whole completion instead of
#   each token (`importance_sampling_level="sequence"`): that one is your second exercise.
# - `scale_rewards="batch"` or `"none"` divides by another spread, or by none: your first exercise.
# - Reward functions may return `None` for a completion that they cannot judge; TRL leaves it out of the weighted
#   sum.
# - With several micro-batches or machines, TRL adjusts the denominators so that the sum comes out as here (but for
#   `bnpo`, which takes each micro-batch by itself).
# - On a GPU, vLLM can do the generating. Its log-probabilities differ slightly, and TRL corrects for it.

# %%
record = {
    "suite": suite.name,
    "question": QUESTION,
    "gold": GOLD,
    "rollouts": {
        name: {key: round(float(rollouts.loc[name, key]), 6) for key in ("reward", "advantage")} for name in ROLLOUTS
    },
}
path = write_json(run.chapter("02_grpo_theory") / "rollout_advantages.json", record)
print(f"Rewards and advantages of the toy rollouts written to {path}")

# %% [markdown]
# ## What to remember
#
# - An advantage is a reward compared with its own group: $(R - \text{mean}) / (\text{std} + 10^{-4})$, with
#   `ddof=1`. No critic is needed.
# - Only differences within a group teach. Groups with equal rewards are wasted.
# - The clipped ratio stops pushing a token once it has moved far enough, and never stops pulling it back.
# - `loss_type` decides how much a token counts. `grpo` favours short right and long wrong completions.
# - On-policy the value of the loss says nothing about learning. Watch reward and gradient norm.
#
# ## Exercises
#
# Open `exercises/02_grpo_theory.ipynb`: advantages with TRL's three ways of scaling, and the ratio of a whole
# sequence (GSPO).
#
# ## Next
#
# Chapter 3, `03_data_and_rewards`: where prompts and gold answers come from, and how a completion gets its
# reward.
