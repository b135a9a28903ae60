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
# # 8. Export

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/notebooks/08_export.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/notebooks/08_export.ipynb)

# %% [markdown]
# After this chapter you will be able to
#
# - merge a LoRA adapter into its base model, by hand for one layer and with PEFT for all;
# - export a model as an adapter, as a merged model and as GGUF, and say which is for whom;
# - prove that each is the model that you evaluated: logits, greedy tokens, checksums;
# - choose a precision for the file, knowing what it costs;
# - publish it with a card that carries your measured results, and load it again with nothing but that card.
#
# **Time**: one to two minutes of computing on two CPU cores, 20 minutes of reading. **Needs**: the adapter of chapter
# 6 and the results of chapter 7. Where you have not run them, the course's own are used.

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

from course_lib import llama
from course_lib.artifacts import Run, read_json, write_json
from course_lib.errors import ExportError
from course_lib.evaluation import evaluate, generate
from course_lib.export import TOLERANCES, export_adapter, export_gguf, export_merged, largest_gap, verify_export
from course_lib.publish import push_to_hub
from course_lib.models import load_adapter, load_model, load_tokenizer, verify_checksums
from course_lib.presets import get_preset
from course_lib.prompts import instruction
from course_lib.tasks import saved_rows

pd.set_option("display.width", 180, "display.max_columns", 12)
settings = get_preset(preset)
run = Run(settings)
folder = run.chapter("08_export")
rows = saved_rows(run, settings, seed, "test")[:64]

# %% [markdown]
# ## Why merge?
#
# Chapter 6 left an adapter: two thin matrices for each projection. To use it, a program must load the base model,
# know PEFT, and put the adapter on top. Each projection then computes $Wx + \frac{\alpha}{r}BAx$, with two extra
# multiplications. But that is the same as $(W + \frac{\alpha}{r}BA)x$. So the adapter can be added to the weights
# once and for all. The result is a plain Gemma 3 that every tool reads.
#
# Adapters have their own use: they are small, many of them can share one base model, and each can be switched off.

# %%
tokenizer = load_tokenizer(settings.model)
adapter_folder = run.find("06_training/adapter")
adapted = load_adapter(load_model(settings.model), adapter_folder)
projection = adapted.base_model.model.model.layers[0].self_attn.q_proj
print(type(projection), "with the parts", ", ".join(name for name, _ in projection.named_children()))

# %% [markdown]
# ## One layer by hand
#
# PEFT has put a wrapper around the projection that holds W (`base_layer`), A (`lora_A`), B (`lora_B`) and the scale
# $\alpha/r$. Its other parts do nothing here.

# %%
with torch.no_grad():
    w = projection.base_layer.weight
    a, b = projection.lora_A["default"].weight, projection.lora_B["default"].weight
    scale = projection.scaling["default"]
    by_hand = w + scale * b @ a
print(f"W {tuple(w.shape)}, B {tuple(b.shape)}, A {tuple(a.shape)}, alpha / r = {scale}")
print(f"change: norm {(by_hand - w).norm():.4f}, against {w.norm():.4f} for W itself")
print(f"rank of the change: {torch.linalg.matrix_rank(by_hand - w, rtol=1e-4)} of {min(w.shape)} possible")

# %% [markdown]
# The change is small beside W and its rank is at most r: that is what "low rank" means. Does a vector come out the
# same on both ways?

# %%
with torch.no_grad():
    x = torch.randn(5, w.shape[1], generator=torch.Generator().manual_seed(seed)).to(w.device)
    with_adapter, merged_layer = projection(x), x @ by_hand.T
size, gap = with_adapter.abs().max(), (with_adapter - merged_layer).abs().max()
print(f"outputs of size {size:.3f}, largest difference {gap:.1e}")

# %% [markdown]
# Equal in mathematics, not to the last bit: floating-point sums depend on the order in which they are made. From here
# on, "equal" needs a tolerance, stated *before* looking.
#
# ## All layers with PEFT
#
# `merge_and_unload` does the same for every projection and takes the wrappers off.

# %%
plain = load_adapter(load_model(settings.model), adapter_folder).merge_and_unload().eval()
weight = plain.model.layers[0].self_attn.q_proj.weight
print(type(plain).__name__, "| adapter parts left:", sum("lora" in name for name, _ in plain.named_parameters()))
print(f"PEFT against by hand, largest difference: {(weight - by_hand).abs().max().item():.1e}")
assert torch.allclose(weight, by_hand, atol=1e-6)

# %% [markdown]
# ## Three forms
#
# | form | for whom | what it needs |
# |---|---|---|
# | adapter | whoever has the base model already, or many adapters | the base model, PEFT |
# | merged (safetensors) | everybody with `transformers`, TRL, vLLM | nothing else |
# | GGUF | llama.cpp and Ollama: laptops, phones, no Python | nothing else |
#
# A folder in the first two forms also holds the configuration, the generation settings (where to stop, for instance)
# and the tokenizer *with the chat template*. The template is the part that gets lost most often. A model that is asked
# in another form than it was trained in answers badly, and nothing tells you why.

# %%
forms = [
    export_adapter(adapted, tokenizer, folder / "adapter", settings.model),
    export_merged(adapted, tokenizer, folder / "merged"),
]
merged_folder = forms[1]
verify_checksums(merged_folder)
print((merged_folder / "SHA256SUMS").read_text())

# %% [markdown]
# `SHA256SUMS` lets whoever downloads the folder make sure that nothing was damaged on the way. The course's library
# checks the tiny base model in just this way each time it is loaded.

# %%
sizes = {path.name: sum(file.stat().st_size for file in path.glob("*.safetensors")) for path in forms}
print(", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items()))
print(f"the adapter is {sizes['adapter'] / sizes['merged']:.1%} of the merged model")

# %% [markdown]
# The tiny model makes the adapter look large. In Gemma 3 1B, r is as small while the matrices are much larger:
# 6.5 million numbers at r = 8, against a billion.
#
# ### GGUF
#
# A GGUF file holds weights, settings, tokenizer and chat template in one. Writing it is not mere copying. Gemma's norms
# multiply by $1 + w$ where llama.cpp multiplies by $w$, so 1 has to be added to each. And the tokenizer must be
# described in llama.cpp's terms. Mistakes here do not crash: the model just gets worse. So the file is tested below,
# by llama.cpp itself.
#
# For Gemma 3 1B there are well-kept converters, and `export_gguf` says which. Beside the file it writes a `Modelfile`,
# from which Ollama makes a model (`ollama create my-model -f Modelfile`).

# %%
try:
    told = instruction(kind=settings.kind, style=settings.style)
    gguf_file = export_gguf(adapted, tokenizer, folder / "gguf", told, settings.max_completion_length)
    print((gguf_file.parent / "Modelfile").read_text())
    if llama.available():
        forms.append(gguf_file)
except ExportError as error:
    print(error)

# %% [markdown]
# The instruction stands in the user turn of the template, where it stood in training. A user of the model then only
# types the question.
#
# ## Is it the same model?
#
# A file that loads is not yet the model that you measured. So load each form fresh, from its files alone, and compare
# it with the adapted model of chapter 7 on held-out prompts. Two measures:
#
# 1. **Logits** at every position. llama.cpp reports only log-probabilities, so there it is these.
# 2. **Greedy completions**, token for token. Here there is no tolerance: each has to be the same.
#
# The tolerances, stated before looking. GGUF gets more room: we write it in float16, and llama.cpp rounds in between.

# %%
print(TOLERANCES)
prompts = [row["prompt"] for row in rows]
options = {"max_new_tokens": settings.max_completion_length, "batch_size": settings.eval_batch}
agreement = verify_export(adapted, tokenizer, forms, prompts, settings.model, **options)
display(agreement)

# %% [markdown]
# The GGUF file was loaded and run by llama.cpp, with its own code for every layer, its own tokenizer and its own
# reading of the chat template; it shares no line with `transformers`. That it writes the same tokens is strong evidence
# that both compute what Gemma 3 is.
#
# The test must be able to fail. Compared with the *base* model, it does:

# %%
wanted = generate(adapted, tokenizer, prompts, **options)
base = load_model(settings.model)
base_told = generate(base, tokenizer, prompts, **options)
same = sum(one.ids == other.ids for one, other in zip(wanted, base_told, strict=True)) / len(prompts)
gap = largest_gap(adapted, base, tokenizer, prompts, wanted)
print(f"base model: largest difference {gap:.2f}, {same:.0%} of the completions the same")

# %% [markdown]
# (With `smoke`, some completions may still be the same. The logits show the difference even so.)

# %% [markdown]
# ## Precision
#
# We saved float32: 4 bytes a number. Published models come in bfloat16: 2 bytes, the range of float32, but only
# two to three decimal digits. float16 has a little over three, and a smaller range. 8-bit integers with one scale for
# each row take a single byte. What does each cost? Round the weights, keep everything else.


# %%
def to_int8_and_back(weight):
    """Each row on its own scale: its largest value becomes 127."""
    if weight.dim() < 2:
        return weight
    step = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    return (weight / step).round() * step


formats = {
    "float32": (4, lambda weight: weight),
    "float16": (2, lambda weight: weight.half().float()),
    "bfloat16": (2, lambda weight: weight.bfloat16().float()),
    "int8 rows": (1, to_int8_and_back),
}

# %%
reloaded = load_model(str(merged_folder))
state = {name: tensor.clone() for name, tensor in reloaded.state_dict().items()}
count = sum(parameter.numel() for parameter in reloaded.parameters())
costs = []
for name, (size, rounded) in formats.items():
    reloaded.load_state_dict({key: rounded(tensor) for key, tensor in state.items()})
    told = generate(reloaded, tokenizer, prompts, **options)
    same = sum(one.ids == other.ids for one, other in zip(wanted, told, strict=True)) / len(prompts)
    error = largest_gap(adapted, reloaded, tokenizer, prompts, wanted)
    costs.append(
        {"format": name, "MB": count * size / 1e6, "largest logit difference": error, "same completions": same}
    )
costs = pd.DataFrame(costs)
display(costs.round({"MB": 2, "largest logit difference": 5, "same completions": 3}))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
hatches = ["", "//", "..", "xx"]
for axis, column in ((left, "MB"), (right, "largest logit difference")):
    axis.bar(costs["format"], costs[column], color="0.8", edgecolor="black", hatch=hatches)
    axis.tick_params(axis="x", rotation=30)
left.set(ylabel="size of the weights (MB)")
right.set(ylabel="largest logit difference", yscale="log")
plt.show()

# %% [markdown]
# *The picture: two groups of bars for float32, float16, bfloat16 and 8-bit integers with a scale for each row (`int8
# rows`): the size in megabytes, scales not counted, and the largest logit difference on a logarithmic scale.*
#
# Coarser numbers, larger differences: bfloat16 costs more than float16 at the same size. Whether words change (last
# column of the table) depends on how sure the model is: greedy decoding only asks which token is the likeliest, so even
# a shift that looks large matters only where two tokens were nearly equal. And another word is not yet a wrong answer.
# (Only the weights are rounded here; real low-precision inference also rounds in between.)
#
# So after any rounding, measure the file that you are going to use. `evaluate` of chapter 7 takes a function from prompts
# to completions; here is one that asks llama.cpp with the GGUF file.

# %%
if forms[-1].suffix == ".gguf":
    served = evaluate(lambda asked: llama.ask_gguf(forms[-1], asked, settings.max_completion_length), None, rows)
    ours = evaluate(adapted, tokenizer, rows, "greedy", **options)
    print(f"right of {len(rows)}: {served['correct'].sum()} in llama.cpp, {ours['correct'].sum()} as trained")
else:
    print("There is no GGUF file here, or no llama.cpp to ask.")

# %% [markdown]
# ## Load it anywhere
#
# A user of your model needs the folder, and the words: the instruction belongs in the user turn, in front of the
# question, word for word as in training. These two come from the course:

# %%
source, limit = str(merged_folder), settings.max_completion_length
messages = rows[0]["prompt"]
print(messages[-1]["content"])

# %% [markdown]
# The rest needs neither the course's library nor PEFT:

# %%
from transformers import AutoModelForCausalLM, AutoTokenizer

tok = AutoTokenizer.from_pretrained(source)
model = AutoModelForCausalLM.from_pretrained(source)
inputs = tok.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
output = model.generate(**inputs, do_sample=False, max_new_tokens=limit)
print(tok.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
print("stops at tokens", model.generation_config.eos_token_id)

# %% [markdown]
# The last line matters. Besides `<eos>`, number 1, Gemma ends its turn with the token `<end_of_turn>`, number 106. If
# `generation_config.json` did not list it, the model would not stop after its answer: it would repeat
# `<end_of_turn>` up to the limit, and another model would write a new turn.
#
# ## Publish it
#
# Others can only use what they can judge. So a model on the Hugging Face Hub has a *card*: what it is, what it was made
# from and how, how well it does with which uncertainty, where it fails, and code that loads it. The measured rates also
# go into the card's metadata (`model-index`), where programs find them. None of it is typed: the card is written from
# `results.json` of chapter 7 and `run.json` of chapter 6.
#
# A **dry run** is the default. It writes exactly what would be pushed, so that you can read it first. Paths of your
# machine are left out.

# %%
results = read_json(run.find("07_evaluation/results.json"))
record = read_json(run.find("06_training/run.json"))
push = push_to_hub(merged_folder, "your-name/gemma-that-reasons", results, record, folder / "hub")
print("Would be pushed:", ", ".join(sorted(path.name for path in push.folder.iterdir())), "\n")
print((push.folder / "README.md").read_text())

# %% [markdown]
# The code in it is that of the last section, with the words written out. The metadata name no base model
# here, since the tiny model is not on the Hub. With Gemma 3 1B they do, and the card carries Gemma's licence.
#
# To push for real, put a token that may write into the environment variable `HF_TOKEN` (never into a notebook, which
# gets saved and shared), and add `dry_run=False`. The repository starts out private. If the network fails, what was
# prepared is still there. For a README of your own, `push.badge` is a line of Markdown: a badge that links to the model.

# %%
merged = agreement[agreement["form"].str.startswith("merged")].iloc[0]
export = {
    "base": settings.model,
    "prompts": len(prompts),
    "tolerance": merged["tolerance"],
    "max_logit_difference": merged["largest difference"],
    "token_agreement": merged["same completions"],
    "sizes": sizes,
    "forms": agreement.to_dict("records"),
    "precision": costs.to_dict("records"),
}
print("Written:", write_json(folder / "export.json", export), "and", ", ".join(path.name for path in forms))

# %% [markdown]
# ## Talk to it
#
# A page in the browser shows the base model and the trained model side by side, the reasoning folded away. Set `talk` to
# `True` and run the cell, or type `python -m course_lib page` in a terminal (`ask`, `chat` and `batch` do without a
# browser). The page is served on this machine alone.

# %%
talk = False
if talk:
    from course_lib.page import open_page

    open_page(settings, str(adapter_folder), block=False)

# %% [markdown]
# ## What to remember
#
# - Merging adds $\frac{\alpha}{r}BA$ to W: same function, plain model, no PEFT needed.
# - A model folder is weights, configuration, generation settings and tokenizer *with its chat template*.
# - Prove every export: fresh load, logits within a stated tolerance, the same greedy tokens, checksums. And see the
#   test fail on the base model.
# - Rounding changes the model. Evaluate the file that you ship.
# - Publish measured results with their uncertainty and limits; look at a dry run first; keep the token out of files.
#
# ## Exercises
#
# `exercises/08_export`: find where two token sequences part; go the other way and extract an adapter from a merged
# model; convert weights for llama.cpp.
#
# ## Next
#
# This was the last chapter. You have gone from a question to a reward, from a reward to a trained policy, and from
# there to a measured, exported model. The way back in is chapter 5: write a reward of your own, and run chapters 6
# to 8 again.
