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
# # 6. Training

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/notebooks/06_training.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/notebooks/06_training.ipynb)

# %% [markdown]
# After this chapter you will be able to
#
# - say what each setting of a GRPO run does, and which of them cost time;
# - start a run, follow it, and go on after an interruption;
# - read the log: what the reward, the length and the gradient tell you, and why the loss tells you little;
# - recognise a run that cannot learn from its first steps.
#
# **Time**: a few minutes of training on two CPU cores with the preset `laptop`, seconds with `smoke`, and 15
# minutes of reading. **Needs**: the reward suite of chapter 5 and the problems of chapter 3. Where you have not
# run those chapters, the course's own files are used, and a line says so.

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
import matplotlib.pyplot as plt
import pandas as pd
import torch
from IPython.display import display

from course_lib.artifacts import DATA, REFERENCE, Run, read_json
from course_lib.backends import choose_backend
from course_lib.distributed import quiet_others, scratch_folder, world_size
from course_lib.plots import log_figure
from course_lib.presets import get_preset
from course_lib.rewards import get_suite
from course_lib.tasks import load_rows, saved_rows
from course_lib.training import grpo_config, make_trainer, train

quiet_others()  # when several processes run this chapter, one of them speaks
pd.set_option("display.max_colwidth", 100, "display.width", 180, "display.max_columns", 12)
settings = get_preset(preset)
run = Run(settings)
folder = run.chapter("06_training")

# %% [markdown]
# ## What goes in
#
# A run needs three things: a model, prompts, and rewards. The model and all sizes come from the preset, the prompts
# from chapter 3, the rewards from chapter 5 (where you have not run it, the preset's own). Only the *prompt*,
# instruction and question, is shown to the model. The gold answer travels in another column, which only the rewards
# see.

# %%
chosen = run.root / "05_reward_testing/rewards.json"
suite = get_suite(read_json(chosen)["suite"] if chosen.exists() else settings.suite_name)
rows = saved_rows(run, settings, seed, "train")
for reward, weight in zip(suite.rewards, suite.weights, strict=True):
    print(f"{weight:>4} x {reward.__name__}")
print(f"{len(rows)} problems, {settings.train_problems} are used. The first:")
print(rows[0]["question"], "| gold:", rows[0]["answer"])

# %% [markdown]
# ## The knobs
#
# TRL's `GRPOConfig` has over a hundred fields. These are the ones that decide how a run goes. First those of
# **sampling**: how many prompts, how many completions for each, how long, how varied.

# %%
values = grpo_config(settings, folder, seed).to_dict()
sampling = {
    "max_steps": "optimiser steps, each with fresh completions",
    "num_generations": "G: completions a prompt, the group that sets the baseline",
    "per_device_train_batch_size": "completions in one forward and backward pass of one process",
    "gradient_accumulation_steps": "such passes a step; batch size x passes x processes = prompts a step x G",
    "max_completion_length": "tokens; a completion that reaches it is cut off and not well formed",
    "temperature": "1.0 samples from the policy itself; lower means less to compare in a group",
}
knobs = [(name, str(values[name]), effect) for name, effect in sampling.items()]
display(pd.DataFrame(knobs, columns=["setting", "value", "what it does"]))

# %% [markdown]
# The batch rule is the one that people trip over. TRL counts the batch in *completions*, not in prompts, and a step
# must hold whole groups: batch size times accumulation has to be a multiple of G. A single batch need not be one. The
# advantages are worked out for the whole step before it is cut into batches, so a group may span two of them. The
# library starts from what you think in (prompts a step, group size) and works the batch size out.
#
# Then the settings of **learning**.

# %%
learning = {
    "learning_rate": "size of a step; far higher than for full fine-tuning, since only the adapter moves",
    "warmup_steps": "the share of the run (or the steps) over which the rate first rises from 0; step 1 then changes nothing",
    "lr_scheduler_type": "linear: then it falls to 0, so that late steps polish and do not shake",
    "max_grad_norm": "longer gradients are cut to this length: one odd batch cannot wreck the adapter",
    "beta": "weight of the KL term; at 0 no reference model is consulted",
    "epsilon": "the ratio is clipped to 1 - epsilon .. 1 + epsilon",
    "num_iterations": "optimiser steps for each batch of completions; at 1 the ratio stays 1",
    "loss_type": "how token losses are averaged (chapter 2)",
    "scale_rewards": "'group': divide the advantage by the group's own standard deviation",
}
knobs = [(name, str(values[name]), effect) for name, effect in learning.items()]
knobs += [("lora_rank", settings.lora_rank, "r: how much the adapter can hold (chapter 4)")]
display(pd.DataFrame(knobs, columns=["setting", "value", "what it does"]))

# %% [markdown]
# Departures from the textbook stand in this table. With `num_iterations` 1, each batch of completions serves
# one update, so the policy that is updated is the policy that sampled: the ratio is 1 and the clip never acts. `dapo`
# averages the loss over all tokens of a batch (chapter 2). And with `laptop`, `beta` is 0: no KL term holds the policy
# near the base model; a small adapter and a short run do that. On a long run with a reward that can be gamed, or with
# a model that has abilities to lose, it is set above 0, as `t4` does.

# %% [markdown]
# ## The run
#
# One step of GRPO does what you did by hand in chapter 2:
#
# 1. take the next prompts, and sample G completions for each;
# 2. grade every completion with the suite;
# 3. turn the rewards of each group into advantages;
# 4. compute the loss on the completions' tokens and take one optimiser step on the adapter.
#
# Most of the time goes into point 1: completions are written token by token. How long did the recorded run take?

# %%
recorded = REFERENCE / settings.task / "06_training" / "run.json"
if recorded.exists():
    past = read_json(recorded)
    print(f"Recorded: preset {past['preset']['name']}, {past['steps']} steps in {past['train_seconds']:.0f} s")
    print(f"on {past['machine']['cpu']}, {past['machine']['threads']} threads, GPU: {past['machine']['gpu']}.")
print(f"Ahead of you: preset {settings.name}, {settings.steps} steps of {settings.completions_per_step} completions,")
print(f"backend {choose_backend(settings)} (chapter 4).")

# %% [markdown]
# **Too slow?** Time grows in proportion to `steps`, and on a CPU about in proportion to `prompts_per_step` x `group_size` and
# to the length of the completions. Fewer steps is the first thing to try: replace the set-up line by, say,
# `settings = get_preset(preset, steps=25)`. Do not make the groups smaller than 4: the baseline then gets noisy.
# **Out of memory?** Raise `accumulation`: the same step in smaller portions, with the same result.
#
# The next cell trains. The bar shows the mean reward of the latest step; its largest possible value is the sum of
# the weights above. In a notebook, a plot below the bar is drawn anew every few seconds.

# %%
result = train(settings, suite, rows, folder, seed)
print(f"{result.steps} steps in {result.train_seconds:.0f} s, adapter in {result.adapter}")

# %% [markdown]
# ## Reading the log
#
# The library wrote one row a step to `log.csv`. `reward` is the weighted sum; the last columns are the unweighted
# means of each reward function, so they can be read as rates.

# %%
log = pd.read_csv(result.log)
parts = [reward.__name__ for reward in suite.rewards]
shown = log[["step", "reward", *parts, "mean_length", "clipped_ratio", "frac_reward_zero_std", "grad_norm"]]
display(shown[(shown["step"] % max(1, len(log) // 8) == 0) | (shown["step"] == 1)].round(3))

# %%
figure = log_figure(log)
plt.show()

# %% [markdown]
# *The picture: two panels over the optimiser steps. Left, the total reward as a solid line with its components,
# dashed and dotted. Right, the mean length of the completions in tokens. The marks only help to tell the lines apart.*
#
# How to read it, with the preset `laptop` (the few steps of `smoke` show only that everything runs):
#
# - **The lines are jagged.** Each step has other prompts, easy or hard. Compare averages over ten steps, never two
#   neighbours.
# - **Which component moves first?** In the course's own runs it is correctness. Where the base model writes its steps,
#   it often leaves out tags of the reasoning block. But an answer after written steps is mostly right, whether or not
#   the tags around the steps are complete, and being right earns more than form. So writing the steps is strengthened
#   first. Form catches up later, when most completions are right and mainly the tags make a difference in a group.
# - **Length.** Nobody rewards length here. If it rises, it is because completions that write down their steps are
#   right more often, so their tokens have positive advantages. That is the learned "thinking".
# - **Flat at the end.** The more groups agree, the less there is to learn from; the next picture shows how many do. And
#   the learning rate has fallen towards 0 by then.

# %% [markdown]
# ## What the loss shows, and what it does not
#
# In supervised training you watch the loss. Here it is no measure of progress. When the ratio is 1, each token's
# loss is just minus its completion's advantage. Within a group, advantages sum to zero. What is left over depends
# only on how the tokens are averaged:

# %%
advantages, lengths = [1, 1, -1, -1], [50, 52, 8, 10]  # the two long completions are the right ones
per_sequence = -sum(advantages) / len(advantages)
per_token = -sum(a * n for a, n in zip(advantages, lengths, strict=True)) / sum(lengths)
print(f"grpo (mean over sequences): {per_sequence:+.2f}")
print(f"dapo (mean over tokens):    {per_token:+.2f}")

# %% [markdown]
# With the per-sequence mean the value is zero however well or badly the model does. With the mean over tokens, a
# negative value says that longer completions were the better ones in this batch, and nothing else. In both cases the
# *gradient* is not zero: it pushes up the tokens of the good completions and pushes down the others. So look at
# three other curves beside it.

# %%
panels = {
    "loss": "loss (no measure of progress)",
    "grad_norm": "norm of the gradient",
    "frac_reward_zero_std": "share of groups without variance",
    "entropy": "entropy (nats a token)",
}
figure, axes = plt.subplots(2, 2, figsize=(9, 5), sharex=True, layout="constrained")
for axis, (column, title) in zip(axes.flat, panels.items(), strict=True):
    axis.plot(log["step"], log[column], "k.-", linewidth=1)
    axis.set(title=title)
    axis.grid(alpha=0.3)
axes[0, 0].axhline(0, color="0.6", linestyle="--")
axes[0, 1].axhline(settings.max_grad_norm, color="0.6", linestyle="--")
axes[1, 0].set_ylim(-0.03, 1.03)
for axis in axes[1]:
    axis.set(xlabel="optimiser step")
    axis.xaxis.get_major_locator().set_params(integer=True)
plt.show()

# %% [markdown]
# *The picture: four panels over the optimiser steps: the loss around a dashed zero line, the norm of the gradient with
# a dashed line at `max_grad_norm`, the share of groups whose completions all got the same reward, and the entropy of
# the policy.*
#
# - **Loss**: below zero while longer completions win, near zero when length no longer tells right from wrong.
# - **Norm of the gradient**, before it is cut to the dashed line: exactly 0 means that nothing is being learned. Single
#   spikes are normal. A level that keeps growing asks for a lower learning rate.
# - **Groups without variance**: all their advantages are 0, so they were sampled for nothing. A share that grows
#   because everything is right is the sign of success. A share near 1 from the start is a failure, see below.
# - **Entropy**: how undecided the policy is about the next token. It falls as the policy settles. If it
#   reaches 0 early, groups can no longer differ, and learning stops whatever the reward is. If it rises again
#   and keeps rising, the policy is falling apart.

# %% [markdown]
# ## Did the adapter move?
#
# At the start every matrix B is zero, so the adapter does nothing (chapter 4). The norms of the trained B say where
# it has moved. `train` itself refuses to save an adapter whose B is still zero: a run can end without an error and
# yet have learned nothing.

# %%
from safetensors.torch import load_file

weights = load_file(result.adapter / "adapter_model.safetensors")
moved = [(name.split(".")[-3], tensor.norm().item() ** 2) for name, tensor in weights.items() if "lora_B" in name]
squares = pd.DataFrame(moved, columns=["projection", "norm of B"]).groupby("projection").sum()
display((squares**0.5).sort_values("norm of B", ascending=False).round(3))
count = sum(tensor.numel() for tensor in weights.values())
print(f"norm of all B: {result.lora_b_norm:.3f}")
print(f"rank {settings.lora_rank}, {count:,} trained numbers")
counted = run.root / "04_model_and_lora/lora.json"
if counted.exists():
    print("chapter 4 counted {trainable_parameters:,} at rank {rank}".format(**read_json(counted)))

# %% [markdown]
# ## After an interruption
#
# Free machines are taken away, laptops are closed. Every few steps (`checkpoint_every`) the trainer writes a
# checkpoint: the adapter, the optimiser's averages, the position in the learning-rate schedule and in the data, and the
# states of the random generators. Run the training cell again with the same settings, and it goes on from the newest
# checkpoint. It makes no difference whether you stopped it (Ctrl-C, the stop button) or the kernel was killed. At most
# one checkpoint interval is done twice. The course's library adds three things to TRL's own resume:
#
# - only a *whole* checkpoint counts. Each gets a seal when it is complete: the list of its files with their
#   checksums. One that was being written when the power went, or was damaged since, is skipped, and a line says so;
# - a checkpoint of *other settings* is thrown away, with a line too, not silently continued;
# - the log is written anew from what the checkpoint remembers, so that no step is missing or stands in it twice.
#
# A checkpoint helps if it is still there. Colab's disk goes with the runtime: mount Google Drive first, and set
# `COURSE_RUNS` to a folder on it before the first code cell. On Kaggle, switch on the persistence of files.
#
# Each problem is used once, so a run stays in its first pass over the data. That matters: TRL finds its place
# exactly there, but not inside a second pass. When the run is through, the checkpoints are removed and the adapter
# stays. Is the result the same as without the interruption? The course's authors have tried:

# %%
tried = DATA.parents[1] / "recorded/soak.json"
if tried.exists():
    tried = read_json(tried)
    print(f"{tried['trials']} small runs, stopped {tried['stops']} times at random points and continued:")
    print(f"{tried['identical']} ended with the same adapter and log, byte for byte, as the undisturbed run.")
    print(
        f"At most {tried['most_steps_lost']} steps were done twice, with a checkpoint every {tried['checkpoint_every']}."
    )
else:
    print("No record of it here; in a checkout of the course: make soak")

# %% [markdown]
# ## Guards, and other logs
#
# Some runs had better not go on. `train` stops with an error when the loss, the gradient or a weight is no longer a
# finite number, when a reward function returns something that is no number (TRL takes a `nan` for "no opinion" and
# goes on), and, with `beta` above 0, when the KL exceeds `max_kl`. The error names the likely causes. The adapter of
# the last checkpoint from before the trouble is kept in `adapter-last-good/`. A full disk is an error of this kind
# too; make room, and the same cell goes on.
#
# Besides `log.csv` you may have TensorBoard, W&B or trackio: `get_preset(preset, log_to="tensorboard")`, then
# `tensorboard --logdir` with the run's folder. All are off by default. Only W&B sends anything to the network, and only
# with a login: without one it writes to the folder `wandb`.

# %% [markdown]
# ## The real size: Gemma 3 1B on a T4
#
# The preset `t4` is this chapter with another model, other problems and other sizes. Nothing else changes, so here is
# all of it:

# %%
from course_lib.config import diff

real = pd.DataFrame(diff(get_preset("laptop"), get_preset("t4")), columns=["field", "laptop", "t4"])
display(real[~real["field"].isin(["name", "about", "known_from"])].set_index("field"))

# %% [markdown]
# - **Numbers.** A T4 computes in float16 or float32; bfloat16 it can only imitate, slowly. Float16 ends at 65,504, and
#   Gemma 3's activations go beyond that. What overflows is infinite, the difference of two infinities is no number,
#   and from there on every weight that it touches is `nan`:

# %%
activation = torch.tensor(70_000.0)
for dtype in (torch.float16, torch.bfloat16, torch.float32):
    small = activation.to(dtype)
    print(f"{str(dtype):15} {small.item():>10}   minus itself: {(small - small).item()}")

# %% [markdown]
#   So `t4` computes in float32. Where Unsloth is installed it keeps the weights in 16 bits and computes in float32 what
#   would overflow; the trainer's own `fp16` and `bf16` stay off. On GPUs from compute capability 8.0 on, `gpu`
#   computes in bfloat16, which has the range of float32 with fewer digits.
# - **Memory.** Chapter 4 adds it up. A step of 32 completions goes through in portions (`accumulation`), and
#   `gradient_checkpointing` works activations out twice instead of keeping them.
# - **No vLLM.** It would write completions much faster, but it refuses Gemma 3 in float16, and in float32 on a T4 it has
#   been reported to write other text than transformers does. The course allows it from compute capability 8.0 on.
# - **A KL term.** `beta` is above 0: a pretrained model has abilities to lose.
# - **Rewards with many steps.** A 1B model that leaves out one tag gets nothing from a reward for the exact form, and a
#   group of nothings teaches nothing. The suite `tunix` pays tag by tag (chapter 5).
# - **Time.** Hours, not minutes. A free runtime may be taken away before that, which is what checkpoints are for.
#
# The course was not run on a T4; `minutes` and `memory_gb` above are estimates. What was run is the same code: Unsloth's
# CPU path on the tiny model, and the 1B shape with random weights (chapter 4).

# %% [markdown]
# ## More than one process
#
# A chapter is a script too, and this one may be launched on several processes, each with a GPU of its own or, to try
# it out, with a share of the CPU:
#
# ```
# torchrun --standalone --nproc_per_node 2 notebooks/06_training.py
# ```
#
# A step still sees the same number of prompts and completions. Each process samples and grades its share, the rewards
# are gathered, so that a group may be spread over processes, and the gradients are averaged, so that all processes
# hold the same adapter. The random numbers differ from process to process, or all would sample the same completions;
# so two processes learn from other completions than one does, and end elsewhere. The main process alone prints, draws
# and writes. `docs/scaling.md` says when this pays, and what there is beyond it.

# %% [markdown]
# ## Runs that cannot learn
#
# Two failures on purpose, one step each, always with the tiny model (and with eight prompts for each process). The
# first samples at a temperature near 0. The second cuts completions off after a few tokens.

# %%
failures = {
    "as it should be": {},
    "temperature 0.01": {"temperature": 0.01},
    "at most 8 tokens": {"max_completion_length": 8},
}
signs = {}
for label, change in failures.items():
    broken = get_preset("smoke", steps=1, prompts_per_step=8 * world_size(), **change)
    problems = load_rows("toy_math", "train", broken.train_problems, seed)
    with scratch_folder() as scratch:
        make_trainer(broken, get_suite("starter"), problems, scratch, seed, quiet=True).train()
        signs[label] = pd.read_csv(scratch / "log.csv").iloc[0]
columns = ["reward", "frac_reward_zero_std", "clipped_ratio", "mean_length", "grad_norm"]
display(pd.DataFrame(signs).T[columns].round(4))

# %% [markdown]
# - **Temperature near 0**: the completions of a group are copies of each other, so are their rewards. Look at the
#   share of groups without variance: near 1. Every advantage is 0 and the gradient vanishes. The reward itself is no
#   sign of it: here it is low, since the likeliest answer is mostly a wrong one; with easier problems it could be high.
# - **Cut off**: `clipped_ratio` is the share of completions that hit the length limit. None of those is well formed,
#   and most have no room for steps *and* an answer. What reward is left comes from bare answers, which are short enough
#   to get their answer tags closed, and now and then right. So the reward need not be 0. Compare
#   `frac_reward_zero_std` with the first row as well: where no completion of a group gets a right answer out, all
#   rewards are 0 and the group teaches nothing. The cure is a larger `max_completion_length`.
#
# Both show in the very first row of the log. Look at it before you leave a long run alone.
#
# A third failure shows late, if it shows at all: **a learning rate that is too high**. Large steps can undo what has
# been learned. Form is simple, arithmetic is not, so one might expect that the format reward rises as in a good run
# while the correctness reward falls. But large steps can spoil both, or only make the curves rougher. If your checkout
# has recorded runs of this kind, the next cell draws them beside yours. Which of these do you see? From which step
# on could you have told, and by which of the two curves?

# %%
recorded_runs = sorted((DATA.parents[1] / "recorded").glob("*/log.csv"))
curves = {"this run": log} | {path.parent.name: pd.read_csv(path) for path in recorded_runs}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True, layout="constrained")
for axis, part in zip(axes, [reward.__name__ for reward in suite.rewards[:2]], strict=True):
    for (label, curve), style in zip(curves.items(), ["k-", "k--", "k:", "k-.", "k.-"], strict=False):
        if part in curve:  # a run with other rewards has other columns
            axis.plot(curve["step"], curve[part].rolling(5, min_periods=1).mean(), style, label=label)
    axis.set(title=part, xlabel="optimiser step", ylim=(-0.03, 1.03))
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3)
axes[0].set(ylabel="mean reward (mean of 5 steps)")
axes[0].legend()
plt.show()
if recorded_runs:
    print("recorded beside this run:", ", ".join(path.parent.name for path in recorded_runs))
else:
    print("no recorded runs here: only your own is drawn")

# %% [markdown]
# *The picture: left the first reward by step (with `toy_math`, the share of right completions), right the second (the
# share of well formed ones), both smoothed over five steps; your run as a solid line, recorded runs with the same
# rewards, if there are any, broken or dotted, with their names.*
#
# In the recorded run (five times the learning rate of `laptop`) correctness turns down after the first few steps and is
# gone soon after, while the form still holds: correctness tells early, the form late. In the end both are 0,
# completions run to the limit and the entropy climbs. The sum of the two would have hidden the beginning.
#
# | what you see | likely cause | what to do |
# |---|---|---|
# | reward and gradient both 0 | no completion ever earns anything, or all copies of a group are wrong | look at `temperature` first; an easier task, a graded reward, a base model that succeeds sometimes |
# | gradient 0, reward above 0 | groups without variance | temperature 1, larger groups, problems of mixed difficulty |
# | `clipped_ratio` high from the start | completions cut off | raise `max_completion_length`; check that the end-of-turn token stops generation |
# | gradient above 0, reward flat over many steps | steps too small, or lost in noise | more prompts a step, then a higher learning rate; more steps |
# | the format reward stays low | the model never writes the whole form, or leaves out one tag | read completions; an example in the prompt (`shots`); a graded format reward |
# | a component falls after a good start; later the entropy and `clipped_ratio` rise | learning rate too high | lower it, or see more prompts a step |
# | the KL jumps up | learning rate too high, `beta` too low | change one of them; no dropout while sampling |
# | numbers that are not finite | Gemma 3 in float16, or a learning rate far too high | float32 or bfloat16; a lower rate |
# | out of memory | logits: completions x tokens x vocabulary (262k in the real Gemma) | raise `accumulation`; shorter completions; smaller groups last |
# | reward up, completions odd | the reward is being gamed | read completions; go back to chapter 5 |
#
# The last row is the one that no curve shows: always read some completions. Chapter 7 does.

# %%
print(f"Written: {', '.join(sorted(p.name for p in folder.iterdir()))} in {folder}")

# %% [markdown]
# ## What to remember
#
# - A step: sample groups, grade, compare within the group, one update. Most of the time is sampling.
# - Watch the reward and its components, the completion length and the norm of the gradient. Not the loss.
# - A group in which all rewards are equal teaches nothing.
# - The first row of the log shows groups that cannot differ, and completions that are cut off. A learning rate that is
#   too high shows only later, so look at correctness and format apart.
#
# ## Exercises
#
# `exercises/06_training`: plan a batch that fits into memory; write the function that reads a
# log and names what is wrong with the run.
#
# ## Next
#
# The training reward is measured on training prompts, with the policy still moving. Chapter 7 measures the result
# properly: on held-out problems, before and after, with intervals.
