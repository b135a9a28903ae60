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
# # 1. Setup

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/notebooks/01_setup.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/notebooks/01_setup.ipynb)

# %% [markdown]
# You will be able to
#
# - say what the course builds, and which chapter builds which part,
# - choose between the presets `smoke` and `laptop`, and read off what each will cost,
# - check that your machine has what the course needs,
# - see the base model answer, and see what GRPO will have to teach it.
#
# **Time:** 15 minutes to read, a few seconds to run. **Needs:** Python 3.11 to 3.13 and the packages of
# `requirements.txt`. No GPU, no account, no network: a tiny Gemma ships with the course.

# %% tags=["parameters"]
preset = "auto"
seed = 0

# %% [markdown]
# If the next cell cannot find `course_lib`, install the course first. In a checkout of it:
# `pip install -r requirements.txt`, then `pip install .`

# %%
import shutil
import sys

import matplotlib.pyplot as plt
import pandas as pd
import torch
from IPython.display import display

from course_lib.artifacts import REFERENCE, Run, read_json, write_json
from course_lib.evaluation import evaluate
from course_lib.grading import grade
from course_lib.models import TINY, count_parameters, load_model, load_tokenizer, machine, verify_checksums
from course_lib.presets import PRESETS, get_preset
from course_lib.tasks import rows_of

settings = get_preset(preset)
run = Run(settings.name)
print(f"preset {settings.name}: {settings.about}")

# %% [markdown]
# ## What the course builds
#
# A language model answers a word problem. If it blurts out a number, it is nearly always wrong; if it writes down
# the steps first, it is nearly always right. **GRPO** (group relative policy optimisation) teaches it to take the
# steps, without ever showing it a worked solution. It draws several completions for each problem, grades them by
# code, and makes those that did better than their group more likely.
#
# The next cell draws the whole machine. The numbers in brackets are chapters.

# %%
boxes = {
    "problems and\ngold answers (3)": (0, 1),
    "policy: Gemma 3 +\nLoRA adapter (4)": (1.3, 1),
    "a group of\ncompletions": (2.6, 1),
    "rewards\n(3, 5)": (3.7, 1),
    "advantages\nand loss (2)": (3.7, 0),
    "training\nstep (6)": (2.3, 0),
    "evaluation\n(7)": (1.0, 0),
    "export\n(8)": (0, 0),
}
arrows = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 1), (1, 6), (6, 7)]
fig, axis = plt.subplots(figsize=(10.5, 2.8))
axis.set(xlim=(-0.6, 4.2), ylim=(-0.35, 1.35))
axis.axis("off")
look = {"boxstyle": "round,pad=0.5", "facecolor": "0.92", "edgecolor": "black"}
drawn = [axis.text(*at, name, ha="center", va="center", bbox=look) for name, at in boxes.items()]
fig.tight_layout()
fig.canvas.draw()  # the arrows need the boxes' final sizes
for start, end in arrows:
    ends = {"patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
    style = {"arrowstyle": "-|>", "color": "black", "shrinkA": 2, "shrinkB": 2}
    style["linestyle"] = "--" if end in (6, 7) else "-"
    tail, head = drawn[start].get_position(), drawn[end].get_position()
    axis.annotate("", head, tail, arrowprops=style | ends)
plt.show()

# %% [markdown]
# *Picture: solid arrows form a loop: policy, group of completions, rewards, advantages and loss, training step,
# and back to the policy; problems and gold answers feed it. Dashed arrows lead out of the loop, from the policy
# to evaluation, and from there to export.*
#
# The solid loop is one training step, repeated some dozens of times. What comes along the dashed arrows happens
# once, at the end. Each chapter leaves a small file behind that a later one takes up; where a chapter has not
# been run, the course's own file takes its place, and a line says so. So you can start anywhere.
#
# | chapter | you build | runs for |
# |---|---|---|
# | 1 Setup | a checked machine | seconds |
# | 2 GRPO theory | the loss by hand, equal to TRL's | seconds |
# | 3 Data and rewards | problems, a split that holds, a first reward | seconds |
# | 4 Model and LoRA | a LoRA layer by hand, a picture of the base model | seconds |
# | 5 Reward testing | rewards that withstand attack | seconds |
# | 6 Training | the trained adapter | minutes |
# | 7 Evaluation | base model against trained model, with intervals | half a minute |
# | 8 Export | one merged model that runs anywhere | seconds |

# %% [markdown]
# ## How big: the presets
#
# One setting decides how big everything is: the **preset**. `auto`, at the top of this notebook, takes the
# environment variable `COURSE_PRESET` if it is set, else `laptop`. Whatever a preset sets is written nowhere else
# in the course.

# %%
table = pd.DataFrame({name: p.to_dict() for name, p in PRESETS.items()})
for derived in ("completions_per_step", "batch_size", "train_problems"):
    table.loc[f"({derived})"] = [getattr(p, derived) for p in PRESETS.values()]
with pd.option_context("display.max_rows", None, "display.max_colwidth", 80):
    display(table)

# %% [markdown]
# The rows in brackets follow from the others. Some fields are worth knowing by name already: one step draws
# `group_size` completions for each of `prompts_per_step` problems; `steps` such steps make a run. Lengths are in
# tokens.
#
# `smoke` proves that every line runs and learns nothing: it is what the course's own tests use. With `laptop` the
# tiny model really learns. To try a change, name the field: settings that cannot work are refused at once, not in
# the middle of a run.

# %%
half = get_preset(settings.name, steps=settings.steps // 2)
print(f"half a run: steps {half.steps}, problems {half.train_problems}")
for wrong in ({"group_size": 1}, {"accumulation": 3}, {"learning_rat": 1e-3}):
    try:
        get_preset("laptop", **wrong)
    except ValueError as error:
        print(wrong, "->", error)

# %% [markdown]
# ## The machine
#
# What is this machine, and which versions are installed? These lines go into the file that every training run
# leaves, since figures without a machine are worth little.

# %%
here = machine()
for name, value in here.items():
    print(f"{name:13} {value}")
print(f"{'free disk':13} {shutil.disk_usage('.').free / 1e9:.0f} GB")

# %%
notes = []
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    notes.append("this Python is outside 3.11 to 3.13, for which the course is made")
if shutil.disk_usage(".").free < 1e9:
    notes.append("less than 1 GB of disk is free")
if torch.cuda.device_count() > 1:
    notes.append("several GPUs: set CUDA_VISIBLE_DEVICES=0 before starting, TRL refuses to spread over them by itself")
if torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0):
    notes.append("this GPU has no bfloat16 of its own; the course computes in float32, which works on any")
if not torch.cuda.is_available():
    notes.append("no GPU: fine, the presets smoke and laptop are made for two CPU cores")
print("\n".join(f"- {note}" for note in notes) or "nothing to remark")

# %% [markdown]
# How long will chapter 6 take? Measured times are better than promises. If a recorded run ships with the course,
# the next cell shows its time and its machine.

# %%
recorded = REFERENCE / settings.task / "06_training" / "run.json"
if recorded.exists():
    record = read_json(recorded)
    on = record["machine"]
    print(f"recorded: {record['steps']} steps, preset {record['preset']['name']}: {record['train_seconds']:.0f} s")
    print(f"on {on['cpu']}, {on['threads']} threads, GPU: {on['gpu']}")
else:
    print("No recorded run is here. Expect minutes for the preset laptop on two CPU cores, seconds for smoke.")
print(f"this preset ({settings.name}): {settings.steps} steps of {settings.completions_per_step} completions")

# %% [markdown]
# ## The model
#
# `tiny` is a Gemma 3 in miniature: the same architecture, the same chat template and special tokens, about a
# million parameters instead of a thousand million. It was trained from nothing on generated word problems and
# knows nothing else. It has no licence to accept and nothing to download.
#
# No preset of the course uses Gemma 3 1B itself yet. It comes from the Hugging Face Hub: there you accept Google's
# terms of use once, on the page of the model, and log in.
#
# A damaged file can look like a bad idea in your code, so the library compares checksums whenever it loads the
# tiny model. Here it is done by itself:

# %%
verify_checksums(TINY)
tokenizer, model = load_tokenizer(settings.model), load_model(settings.model)
print(f"checksums of {TINY.name} agree")
print(f"model {settings.model}: {count_parameters(model)[0]:,} parameters, vocabulary of {len(tokenizer):,} tokens")

# %% [markdown]
# ## Questions for the base model
#
# The **base model** is the model before GRPO. We ask it 64 problems from the test split (with `smoke` fewer) and
# read the first three answers. It decodes greedily: always the most likely token. The prompt asks for steps between
# `<reasoning>` tags and the result between `<answer>` tags.

# %%
rows = rows_of(settings, "test", min(settings.eval_problems, 64), seed=0)
limit = settings.max_completion_length
answered = evaluate(model, tokenizer, rows, "greedy", max_new_tokens=limit, batch_size=settings.eval_batch)
for _, done in answered.head(3).iterrows():
    print(done["question"])
    print("  model:", done["completion"].replace("\n", "\n         "))
    print(f"  gold: {done['gold']}, right: {done['correct']}, well formed: {done['well_formed']}\n")

# %% [markdown]
# Look at *how* it answers. It never does what it was asked: it puts a number between the answer tags at once,
# without a step, and the number is nearly always wrong. Is that because it cannot do better? There is a simple
# test: write the first tag for it, and let it go on from there.

# %%
prompts = [tokenizer.apply_chat_template(r["prompt"], add_generation_prompt=True, tokenize=False) for r in rows]
inputs = [prompt + "<reasoning>\n" for prompt in prompts]
batch = tokenizer(inputs, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
with torch.inference_mode():
    output = model.generate(
        **batch.to(model.device), max_new_tokens=limit, do_sample=False, pad_token_id=tokenizer.pad_token_id
    )
begun = tokenizer.batch_decode(output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
helped = [grade("<reasoning>\n" + text, r["answer"], task=r["task"]) for text, r in zip(begun, rows, strict=True)]
print("<reasoning>\n" + begun[0] + "\n")
rates = {
    "on its own": (answered["correct"].mean(), answered["well_formed"].mean()),
    "first tag given": (sum(g.correct for g in helped) / len(rows), sum(g.well_formed for g in helped) / len(rows)),
}
display(pd.DataFrame(rates, index=["accuracy", "well formed"]).T.round(2))

# %% [markdown]
# Compare the two rows. What the second has over the first is in the model already, and its habits keep it from
# using it. That is what GRPO works on: it does not teach new arithmetic, it changes which of the model's ways of
# answering is the likely one. A model that could not reason at all, however you ask, would give GRPO nothing to
# reward.
#
# Chapter 7 measures the same rates after training, on more problems and with intervals. With so few problems as
# here, ten points more or less may be luck. The gap between these two rows is far larger than that, and so is the
# gain that training with `laptop` will bring.

# %%
path = write_json(run.chapter("01_setup") / "setup.json", {"machine": here, "preset": settings.to_dict()})
print(f"Machine and preset written to {path}")

# %% [markdown]
# ## What to remember
#
# - GRPO draws a group of completions for each problem, grades them by code, and makes the better ones more
#   likely.
# - A preset says how big everything is. `smoke` tests, `laptop` learns.
# - Each chapter runs alone: it takes the files of earlier chapters, or the course's own.
# - The base model can do more than it shows. Its habits are what training changes.
#
# ## Exercises
#
# Open `exercises/01_setup.ipynb`: work out what a run costs, and make a preset of your own.
#
# ## Next
#
# Chapter 2, `02_grpo_theory`: how a group of rewards becomes a gradient.
