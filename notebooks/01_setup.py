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
# - choose a preset, from `smoke` to `gpu`, and read off what each will cost,
# - check that your machine has what the course needs,
# - see the base model answer, and see what GRPO will have to teach it.
#
# **Time:** 15 minutes to read, a few seconds to run. **Needs:** Python 3.11 to 3.13 and the packages of
# `requirements.txt`. No GPU, no account, no network: a tiny Gemma ships with the course.

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

from course_lib.artifacts import REFERENCE, Run, read_json, write_json
from course_lib.evaluation import evaluate
from course_lib.grading import grade
from course_lib.hub import login_steps
from course_lib.models import TINY, count_parameters, load_model, load_tokenizer, machine, verify_checksums
from course_lib.preflight import as_text, preflight
from course_lib.presets import PRESETS, get_preset
from course_lib.tasks import rows_of

pd.set_option("display.max_colwidth", 100, "display.width", 180, "display.max_columns", 12)
settings = get_preset(preset)
run = Run(settings)
print(f"preset {settings.name}: {settings.about}")

# %% [markdown]
# ## What the course builds
#
# A small language model answers a word problem. If it blurts out a number, it is nearly always wrong; if it writes
# down the steps first, it is nearly always right. **GRPO** (group relative policy optimisation) teaches it to take the
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
# been run, the course's own file takes its place, and a line says so. So with `smoke` and `laptop` you can start
# anywhere. What the course brings was made with the tiny model; with `t4` and `gpu` (below) chapters 7 and 8 need your
# own chapter 6, in the same runtime.
#
# | chapter | you build | runs for |
# |---|---|---|
# | 1 Setup | a checked machine | seconds |
# | 2 GRPO theory | the loss by hand, equal to TRL's | seconds |
# | 3 Data and rewards | problems, a split that holds, a first reward | seconds |
# | 4 Model and LoRA | a LoRA layer by hand, a picture of the base model | seconds |
# | 5 Reward testing | rewards that withstand attack | under a minute |
# | 6 Training | the trained adapter | minutes |
# | 7 Evaluation | base model against trained model, with intervals | about a minute |
# | 8 Export | one merged model that runs anywhere | half a minute |

# %% [markdown]
# ## How big: the presets
#
# One setting decides how big everything is: the **preset**. `auto`, at the top of this notebook, takes the
# environment variable `COURSE_PRESET` if it is set, else `laptop`. Whatever a preset sets is written nowhere else
# in the course.

# %%
expected = ["about", "minutes", "memory_gb", "known_from"]
table = pd.DataFrame({name: p.to_dict() for name, p in PRESETS.items()})
display(table.loc[expected].T)

# %% [markdown]
# `minutes` and `memory_gb` (of 10⁹ bytes) are those of training alone, in chapter 6. The last column says how they
# are known. `smoke` proves that every line runs, and its results prove nothing: it is what the course's own tests use. With
# `laptop` the tiny model really learns. `t4` and `gpu` put Gemma 3 1B in its place, and GSM8K in the place of the
# generated problems: the same chapters, on a GPU. To switch, write `preset = "t4"` in the cell at the top of each
# notebook. What else do the presets differ in? Here are the sizes; the other fields belong to later chapters.

# %%
for derived in ("completions_per_step", "batch_size", "train_problems"):
    table.loc[f"({derived})"] = [getattr(p, derived) for p in PRESETS.values()]
sizes = ["model", "task", "steps", "prompts_per_step", "group_size", "max_completion_length", "eval_problems"]
display(table.loc[[*sizes, "(completions_per_step)", "(batch_size)", "(train_problems)"]])

# %% [markdown]
# One step draws `group_size` completions for each of `prompts_per_step` problems; `steps` such steps make a run.
# Lengths are in tokens. The rows in brackets follow from the others; the batch size is how many completions the model
# works through at a time.
#
# To try a change, name the field. Settings that cannot work are refused at once, not in the middle of a run.
# Settings that can, but are known to go badly, are kept, and `warnings()` says what to expect of them.

# %%
half = get_preset(settings.name, steps=settings.steps // 2)
print(f"half a run: steps {half.steps}, problems {half.train_problems}")
for wrong in ({"group_size": 1}, {"steps": 0}, {"learning_rat": 1e-3}):
    try:
        get_preset("laptop", **wrong)
    except ValueError as error:
        print(wrong, "->", error)
for warning in get_preset("laptop", learning_rate=0.0125, group_size=2).warnings():
    print("warning:", warning)

# %% [markdown]
# ## The machine
#
# Does this machine have what the preset needs? The **preflight** looks before anything starts: versions,
# accelerator, memory, disk, the login if a model has to be fetched, and what will run. With a `fail` this preset
# will not run here: do what the line below it says before you go on. `warn` is worth reading. In a terminal:
# `python -m course_lib doctor`.

# %%
print(as_text(preflight(settings)))

# %% [markdown]
# Three of its rows have tripped up many. *GPUs*: where a machine has two, as on Kaggle, the course hides one, since
# one process can use only one here; all of them take a distributed launch. *Precision*: only GPUs from compute
# capability 8.0 on have bfloat16 of their own. A T4 has not, and with float16 Gemma 3 overflows, so `t4` computes in
# float32. *Accelerator*: a CUDA GPU before Apple's MPS before the CPU, unless the environment variable
# `COURSE_DEVICE` names another.

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
    print(
        f"No recorded run of {settings.task} is here; expected: {settings.minutes:g} minutes ({settings.known_from})."
    )
print(f"this preset ({settings.name}): {settings.steps} steps of {settings.completions_per_step} completions")

# %% [markdown]
# ## The model
#
# `tiny` is a Gemma 3 in miniature: the same architecture, the same chat template and special tokens, about a
# million parameters instead of a thousand million. It was trained from nothing on generated word problems and
# knows nothing else. It has no licence to accept and nothing to download.
#
# Gemma 3 1B comes from the Hugging Face Hub, and is **gated**: its licence must be accepted once, and the Hub must
# know that it is you. With a preset that needs it, the preflight says whether this is done, and never shows the token.

# %%
for number, step in enumerate(login_steps(PRESETS["t4"].model), 1):
    print(f"{number}. {step}")

# %% [markdown]
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
path = write_json(run.chapter("01_setup") / "setup.json", {"machine": machine(), "preset": settings.to_dict()})
print(f"Machine and preset written to {path}")

# %% [markdown]
# ## What to remember
#
# - GRPO draws a group of completions for each problem, grades them by code, and makes the better ones more
#   likely.
# - A preset says how big everything is. `smoke` tests, `laptop` learns, `t4` and `gpu` are the real size.
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
