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
# # 4. Model and LoRA

# %% [markdown] tags=["badges"]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/notebooks/04_model_and_lora.ipynb)
# [![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)](https://kaggle.com/kernels/welcome?src=https://github.com/OWNER/REPOSITORY/blob/main/notebooks/04_model_and_lora.ipynb)

# %% [markdown]
# You will be able to
#
# - read Gemma 3's architecture from its config and its modules, and say what the sliding window does,
# - count the parameters of the tiny model and of Gemma 3 1B, and say which part holds them,
# - write a LoRA layer and say why training starts exactly at the base model,
# - say before loading whether a setting fits a GPU's memory, and what to change if it does not,
# - explain why GRPO with LoRA needs no second copy of the model as reference,
# - sample completions, set a temperature, and describe how the base model answers.
#
# **Time:** 35 minutes to read, well under a minute to run. **Needs:** chapters 2 and 3 read; nothing has to
# have been run. No network, no GPU.

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
import copy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from peft import get_peft_model
from torch import nn
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from course_lib.artifacts import DATA, Run, read_json, write_json
from course_lib.backends import choose_backend
from course_lib.evaluation import generate
from course_lib.grading import grade
from course_lib.memory import PARTS, T4_BYTES, estimate, fits, memory_now
from course_lib.models import LORA_TARGETS, count_parameters, load_model, load_tokenizer, lora_config
from course_lib.presets import get_preset
from course_lib.prompts import EOS_IDS, build_prompt
from course_lib.rollouts import QUESTION
from course_lib.tasks import saved_rows

# %%
settings = get_preset(preset)
run = Run(settings)
torch.manual_seed(seed)
tokenizer = load_tokenizer(settings.model)
base = load_model(settings.model)
print(f"preset {settings.name}: model {settings.model}, {count_parameters(base)[0]:,} parameters")

# %% [markdown]
# ## The architecture, read from the config
#
# A config is the whole description of a model but for its numbers. The next table puts the config of
# the model in use beside that of Gemma 3 1B. For the second one we need only its config, not its 2 GB
# of weights.

# %%
ONE_B = dict(
    hidden_size=1152,
    num_hidden_layers=26,
    num_attention_heads=4,
    num_key_value_heads=1,
    head_dim=256,
    intermediate_size=6912,
    vocab_size=262144,
    sliding_window=512,
    max_position_embeddings=32768,
)
one_b = Gemma3TextConfig(**ONE_B)
fields = list(ONE_B)
columns = {settings.model: [getattr(base.config, f) for f in fields], "Gemma 3 1B": list(ONE_B.values())}
display(pd.DataFrame(columns, index=fields))

# %% [markdown]
# How to read it:
#
# - `hidden_size` is the length of the vector that stands for one token between two layers.
# - There are fewer key/value heads than query heads: several query heads **share** one (grouped-query
#   attention). It keeps the memory of past tokens, the KV cache, small.
# - `head_dim` is not `hidden_size / num_attention_heads` in Gemma 3 1B: attention works in a space of
#   its own.
# - `sliding_window` is how far back most layers can see. More about it below.
#
# Next, one layer: every weight matrix with its shape.

# %%
layer = base.model.layers[0]
shapes = [(name, tuple(p.shape), p.numel()) for name, p in layer.named_parameters()]
display(
    pd.DataFrame(shapes, columns=["weight of layer 0", "shape (out, in)", "parameters"]).set_index("weight of layer 0")
)

# %% [markdown]
# A layer is attention followed by an MLP (multi-layer perceptron), each with a norm before **and**
# after it. Queries and keys are normalised as well (`q_norm`, `k_norm`), which keeps attention scores
# in a safe range. The MLP is gated: `down(gelu(gate(x)) * up(x))`. There are no biases. The seven names
# ending in `_proj` are the linear layers that LoRA will be attached to.
#
# ## Five sliding layers, then a full one
#
# `config.layer_types` says for each layer whether it sees the last `sliding_window` tokens or all of
# them.

# %%
figure, axes = plt.subplots(figsize=(9, 2.2))
stacks = {"Gemma 3 1B": one_b.layer_types, settings.model: base.config.layer_types}
for row, types in enumerate(stacks.values()):
    for i, kind in enumerate(types):
        full = kind == "full_attention"
        style = dict(color="0.35") if full else dict(color="0.95", hatch="//")
        axes.barh(row, 0.9, left=i + 0.55, height=0.6, edgecolor="black", **style)
axes.set_yticks(range(len(stacks)), stacks)
axes.set_xticks(range(1, len(one_b.layer_types) + 1))
axes.set_xlabel("layer (1 = first after the embedding)")
for label, style in {"sliding window": dict(color="0.95", hatch="//"), "full": dict(color="0.35")}.items():
    axes.barh(0, 0, label=label, edgecolor="black", **style)
axes.legend(loc="upper right", title="attention")
axes.set_ylim(-0.5, 1.9)
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: two rows of boxes, one box a layer. In both rows every sixth box is dark (full
# attention), the five before it are hatched (sliding window). Gemma 3 1B has 26 boxes, the tiny model
# six.*
#
# A mask says which token may look at which. With `i` the position that looks and `j` the one that is
# looked at, the two kinds are one line each. They are drawn here for 16 tokens and a window of 6.

# %%
tokens, window = 16, 6
i, j = np.arange(tokens)[:, None], np.arange(tokens)[None, :]
masks = {"full attention": j <= i, f"sliding window of {window}": (j <= i) & (j > i - window)}
figure, panels = plt.subplots(1, 2, figsize=(8, 4), sharey=True)
for panel, (title, mask) in zip(panels, masks.items(), strict=True):
    panel.imshow(mask, cmap="Greys", vmin=0, vmax=1.6)
    panel.set(title=title, xlabel="position that is looked at")
    panel.set_xticks(range(0, tokens, 3))
    panel.set_yticks(range(0, tokens, 3))
    panel.set_xticks(np.arange(-0.5, tokens), minor=True)
    panel.set_yticks(np.arange(-0.5, tokens), minor=True)
    panel.grid(which="minor", color="0.8", linewidth=0.5)
    panel.tick_params(which="minor", length=0)
panels[0].set_ylabel("position that looks")
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: two square grids. On the left the whole lower triangle is dark: each token sees itself
# and all tokens before it. On the right only a band of six along the diagonal is dark.*
#
# ### Does the model do that? Ask it
#
# A drawing is a claim. Here is the test: give the model a long text, change its **first** token, and
# see at which positions the output of each layer changes. A sliding layer passes news on by at most
# `sliding_window - 1` positions (or fewer, where the trace gets too faint for float32).

# %%
window = base.config.sliding_window
length = min(8 * window, base.config.max_position_embeddings)
ids = torch.randint(110, 600, (1, length))
other = ids.clone()
other[0, 0] += 1
with torch.inference_mode():
    one, two = (base(x, output_hidden_states=True).hidden_states[1:] for x in (ids, other))
changed = torch.stack([((a - b).abs().amax(-1)[0] > 0) for a, b in zip(one, two, strict=True)]).numpy()
reach = {f"layer {k + 1}": int(np.flatnonzero(row).max()) for k, row in enumerate(changed[:6])}
print(f"window {window}; last position that noticed: {reach}")
assert reach["layer 1"] <= window - 1

# %%
figure, axes = plt.subplots(figsize=(8, 3))
axes.imshow(changed[:6], cmap="Greys", vmin=0, vmax=1.6, aspect="auto", interpolation="nearest")
kinds = [kind.split("_")[0] for kind in base.config.layer_types[:6]]
axes.set_yticks(range(6), [f"{k}, {kind}" for k, kind in enumerate(kinds, 1)])
axes.set_xticks(range(0, length + 1, 2 * window))
axes.set(xlabel="position in the text (tokens)", ylabel="after layer")
for edge in range(window, length, window):
    axes.axvline(edge - 0.5, color="black", linestyle=":", linewidth=1)
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: one row a layer, dark where the output changed; dotted lines one window apart. The dark
# part ends about one window further with each sliding layer; the full layer fills the row at once.*
#
# Read it as news travelling: each sliding layer hands it on by at most one window. A full layer needs no
# relay. So Gemma 3 sees far although most of its layers are cheap.
#
# Prompt and worked solution together are often somewhat longer than the tiny model's window: for the last
# tokens the sliding layers no longer see the start of the prompt; the full layer does. In Gemma 3 1B, a
# window of 512 usually holds a whole problem.
#
# ## Where the parameters are
#
# The next cell sorts every parameter into one of four parts. Gemma 3 1B is built on PyTorch's `meta`
# device: tensors with shapes but no memory behind them. Its total is known, so we can check our config
# against it.


# %%
def count_by_part(model):
    """Parameters by part of the model; tied weights are counted once."""
    names = {"embed": "embedding", "self_attn": "attention", "mlp": "MLP", "norm": "norms"}
    parts = dict.fromkeys(names.values(), 0)
    for name, parameter in model.named_parameters():
        key = "norm" if "norm" in name else next(key for key in names if key in name)
        parts[names[key]] += parameter.numel()
    return parts


with torch.device("meta"):
    gemma_1b = Gemma3ForCausalLM(one_b)
parts = pd.DataFrame({settings.model: count_by_part(base), "Gemma 3 1B": count_by_part(gemma_1b)})
assert parts["Gemma 3 1B"].sum() == 999_885_952
display(pd.concat([parts, parts.sum().rename("total").to_frame().T]).map("{:,}".format))

# %%
share = 100 * parts / parts.sum()
figure, axes = plt.subplots(figsize=(8, 2.4))
left = np.zeros(2)
styles = [("0.35", ""), ("0.95", "//"), ("0.7", ".."), ("white", "xx")]
for (part, values), (color, hatch) in zip(share.iterrows(), styles, strict=True):
    axes.barh(share.columns, values, left=left, color=color, hatch=hatch, edgecolor="black", label=part)
    left += values.to_numpy()
axes.set(xlabel="share of all parameters (%)", xlim=(0, 100))
axes.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.25), frameon=False)
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: two bars of 100 %, cut into embedding, attention, MLP and norms. The MLPs are by far the
# largest part of Gemma 3 1B, the embedding comes second; norms are too few to see.*
#
# The embedding is used twice: to turn tokens into vectors and, as `lm_head`, to turn vectors into
# scores for the next token (**tied embeddings**). For that reason LoRA leaves `lm_head` alone. The
# 262,144 rows of Gemma 3's vocabulary have another price, too: the scores of a batch (logits) take
# tokens × 262,144 numbers: with the weights, the largest item when the 1B model is trained.
#
# **Where the tiny model departs from Gemma 3 1B:** fewer and narrower layers, a vocabulary of 768
# tokens, and no general knowledge at all: it has seen only generated word problems. Pattern, norms,
# grouped-query attention, tied embeddings, template and special tokens are the same, and in both every
# digit is a token of its own.
#
# ## The chat template, and where a completion ends
#
# Chapter 3 showed how messages become text. Two things matter for training. First, Gemma has no system
# role: the template puts system text in front of the first user turn.

# %%
messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 3?"}]
print(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
print("a completion ends with one of:", {i: tokenizer.convert_ids_to_tokens(i) for i in EOS_IDS})

# %% [markdown]
# Second, a turn ends with `<end_of_turn>`, token 106, and not with `<eos>`, token 1. Generation has to
# stop at either. The next cell shows what happens when 106 is forgotten: first the model as it should
# be, then with `<eos>` alone.

# %%
prompt_text = tokenizer.apply_chat_template(build_prompt(QUESTION), add_generation_prompt=True, tokenize=False)
prompt = tokenizer(prompt_text, return_tensors="pt", add_special_tokens=False).to(base.device)
limit = settings.max_completion_length
for stop in ([1, 106], [1]):
    greedy = dict(do_sample=False, temperature=None, top_p=None, top_k=None)
    output = base.generate(**prompt, max_new_tokens=limit, eos_token_id=stop, pad_token_id=0, **greedy)
    completion = output[0, prompt["input_ids"].shape[1] :]
    text, turns = tokenizer.decode(completion), completion.tolist().count(106)
    print(f"--- stop at {stop}: {len(completion)} tokens (limit {limit}), token 106 among them: {turns}")
    print(text if len(text) <= 60 else text[:60] + " ...")

# %% [markdown]
# With 106 missing the model does not stop: here it repeats `<end_of_turn>` up to the limit; another model
# would write a new turn. (Only the first 60 characters are shown.) In training, nearly every completion
# would then be cut off, and a completion that is cut off is never well formed, however good its
# beginning. If you ever see a `clipped_ratio` of 1 in the log of chapter 6, look here first.
#
# ## LoRA, written in full
#
# Fine-tuning changes a weight matrix $W$ (shape out × in) by some $\Delta W$ of the same shape. LoRA
# (Hu et al. 2021) keeps $W$ frozen and learns the change as a product of two thin matrices:
#
# $$y = W x + \frac{\alpha}{r}\, B A x, \qquad A: r \times \text{in}, \quad B: \text{out} \times r .$$
#
# The rank $r$ is small (`lora_rank` in the presets), so $A$ and $B$ together hold few numbers. $\alpha$
# is a plain scale. $A$ starts at random, $B$ starts at **zero**. All the $A$ and $B$ together are the
# **adapter**.


# %%
class LoRALinear(nn.Module):
    """A frozen linear layer and a trainable update of low rank: W x + (alpha / rank) B A x."""

    def __init__(self, linear: nn.Linear, rank: int, alpha: float):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.a = nn.Parameter(torch.empty(rank, linear.in_features))
        self.b = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=5**0.5)
        self.scale = alpha / rank
        self.enabled = True

    def forward(self, x):
        y = self.linear(x)
        if self.enabled:
            y = y + self.scale * (x @ self.a.T @ self.b.T)
        return y


# %% [markdown]
# `x @ a.T` first squeezes each vector to $r$ numbers; the full $\Delta W$ is never built. The same
# layer exists in PEFT, the library that TRL uses. Let PEFT put an adapter on the whole model, as the
# trainer will. To compare a layer that does something, the next cells give PEFT's $B$ random values and
# copy both matrices to ours.

# %%
policy = get_peft_model(load_model(settings.model), lora_config(settings))
theirs = policy.base_model.model.model.layers[0].self_attn.q_proj
ours = LoRALinear(copy.deepcopy(theirs.base_layer), settings.lora_rank, settings.lora_alpha)
x = torch.randn(5, theirs.in_features)
print("at the start, B = 0: output equal to the base layer:", torch.equal(ours(x), ours.linear(x)))

# %%
generator = torch.Generator().manual_seed(seed)
their_b = torch.randn(theirs.lora_B["default"].weight.shape, generator=generator) * 0.02
with torch.no_grad():
    theirs.lora_B["default"].weight.copy_(their_b)
    ours.a.copy_(theirs.lora_A["default"].weight)
    ours.b.copy_(their_b)
    mine, peft, frozen = ours(x), theirs(x), ours.linear(x)
    theirs.lora_B["default"].weight.zero_()  # as it was
torch.testing.assert_close(mine, peft)
print(f"largest difference between ours and PEFT's: {(mine - peft).abs().max():.1e}")
print(f"largest difference that the update makes:   {(mine - frozen).abs().max():.1e}")

# %% [markdown]
# The two layers agree, here to the last bit or up to rounding. What PEFT's version does besides: several named adapters on one
# layer, dropout, other dtypes, quantised base layers, merging and unmerging (chapter 8).
#
# Chapter 6 gets its policy from `backends.load_policy`, which asks for the same model and the same LoRA. Where there
# is a GPU and **Unsloth** is installed, Unsloth makes them, for speed; nothing else in the course changes.

# %%
print("backend here:", choose_backend(settings))

# %% [markdown]
# ### What B = 0 means
#
# With $B = 0$ the update is nothing, whatever $A$ is. So the policy **is** the base model when training
# starts, to the last bit. And what does the first gradient look like? Take any loss and see.

# %%
policy_logits, base_logits = policy(**prompt).logits, base(**prompt).logits.detach()
print("policy equal to the base model at the start:", torch.equal(policy_logits, base_logits))
loss = -policy_logits[0, -1].log_softmax(-1).max()  # any loss will do
loss.backward()
for side in ("lora_A", "lora_B"):
    squares = [p.grad.pow(2).sum() for n, p in policy.named_parameters() if side in n]
    print(f"norm of the first gradient of {side}: {torch.stack(squares).sum().sqrt():.2e}")
policy.zero_grad()

# %% [markdown]
# The gradient of $A$ is exactly zero, since it passes through $B$. The first step (with a
# learning rate above 0) moves only $B$; from the second on, both move. That is why the norm of all $B$ is a good test of whether anything was
# learned: zero before training, above zero after. `training.train` refuses an adapter whose $B$ has not
# moved.
#
# ## How many parameters are trained?
#
# A linear layer of shape out × in gets $r \times (\text{in} + \text{out})$ of them. The next cell adds
# this up from the shapes and compares with what PEFT has made.


# %%
def lora_parameters(model, rank, targets=LORA_TARGETS):
    """The size of an adapter: rank * (in + out) for each linear layer that is named in targets."""
    linears = [m for name, m in model.named_modules() if name.rpartition(".")[2] in targets]
    return sum(rank * (m.in_features + m.out_features) for m in linears)


everything, trainable = count_parameters(policy)
assert trainable == lora_parameters(base, settings.lora_rank)
assert lora_parameters(gemma_1b, 8) == 6_522_880
print(f"{settings.model}: {trainable:,} trainable of {everything:,} parameters, {trainable / everything:.1%}")

# %%
rows = []
for rank in (4, 8, 16, 32, 64):
    sizes = [lora_parameters(model, rank) for model in (base, gemma_1b)]
    attention_only = lora_parameters(gemma_1b, rank, ("q_proj", "k_proj", "v_proj", "o_proj"))
    counts = [f"{count:,}" for count in (*sizes, attention_only)]
    rows.append((rank, *counts, f"{sizes[1] / 999_885_952:.2%}"))
columns = ["rank", settings.model, "Gemma 3 1B", "1B, attention only", "share of the 1B model"]
display(pd.DataFrame(rows, columns=columns).set_index("rank"))

# %% [markdown]
# The adapter grows in proportion to the rank. For a large model it is a small share. For the tiny model
# it is not: thin matrices are no longer thin when the full ones are small.
#
# **Targets.** PEFT's own default for Gemma 3 is `q_proj` and `v_proj` alone. The course names all seven
# projections: most of the parameters sit in the MLPs, and an adapter that leaves them out cannot change
# what they do.
#
# **Memory.** Training a parameter with AdamW in float32 takes 16 bytes: 4 for its value, 4 for its
# gradient, 8 for the optimiser's two averages. A frozen one takes only its value. For Gemma 3 1B:

# %%
total, adapter = 999_885_952, lora_parameters(gemma_1b, 8)
memory = {
    "full fine-tuning, float32": 16 * total,
    "LoRA r=8, base in float32": 4 * total + 16 * adapter,
    "LoRA r=8, base in bfloat16": 2 * total + 16 * adapter,
    "logits of 8 x 512 tokens, float32": 4 * 8 * 512 * ONE_B["vocab_size"],
}
display(pd.DataFrame({"GB": {name: round(size / 1e9, 1) for name, size in memory.items()}}))

# %% [markdown]
# The first three rows leave out activations. The last row is the warning from above: the logits of one
# modest batch weigh more than the whole model in float32.
#
# ## Will it fit?
#
# The table looks at one thing at a time. Training needs several at once, and not the same ones at every
# moment: generation needs the KV cache of all completions, the loss needs activations and logits of one
# micro-batch. `course_lib.memory` adds up what each moment needs and takes the largest sum. It works from
# shapes alone: nothing is loaded, so the answer comes before the download. First the preset `t4`, moment
# by moment: *prefill* reads the prompts and *decode* writes token after token, both for all completions of
# a step at once; the other moments are for one micro-batch (`accumulation` of them make a step).
# *Reference* and *loss* are forward passes, without and with gradients.

# %%
t4 = get_preset("t4")
moments = pd.DataFrame(estimate(t4).moments).T.reindex(columns=PARTS).fillna(0) / 1e9
display(moments.assign(sum=moments.sum(axis=1)).round(1).rename_axis("moment (GB)"))
print("peak:", estimate(t4).peak, "|", fits(t4, T4_BYTES)[1])

# %% [markdown]
# *LoRA* counts the adapter with the optimiser's averages, and its gradients where there are any. *Activations* are
# what layers compute, and keep for the backward pass. *Logits* count twice in the loss, since their gradient is
# as large; in the reference, those of the micro-batch before are still there. *Runtime* is
# what libraries and the GPU's context take before there is a model. With `t4` the peak comes with the loss, and there
# weights and logits share most of it. Now the same preset with one setting changed at a time, and the tiny
# model for comparison.

# %%
cases = {
    "laptop preset, tiny model": get_preset("laptop"),
    "t4 preset": t4,
    "completions of 1,024": get_preset("t4", max_completion_length=1024),
    "micro-batches of 16": get_preset("t4", accumulation=2),
    "no checkpointing": get_preset("t4", gradient_checkpointing=False),
}
peaks = pd.DataFrame({name: estimate(case).parts for name, case in cases.items()}).T / 1e9
peaks = peaks[[part for part in PARTS if part in peaks]].fillna(0)
figure, axes = plt.subplots(figsize=(9, 3.6))
left = np.zeros(len(peaks))
looks = [("0.95", ""), ("0.35", ""), ("white", "xx"), ("0.95", "//"), ("0.65", "..")]
for (part, sizes), (color, hatch) in zip(peaks.items(), looks, strict=True):
    axes.barh(peaks.index, sizes, left=left, color=color, hatch=hatch, edgecolor="black", label=part)
    left += sizes.to_numpy()
axes.axvline(T4_BYTES / 1e9, color="black", linestyle="--")
axes.annotate(f"T4: {T4_BYTES / 1e9:.1f} GB", (T4_BYTES / 1e9, 0), (4, 0), textcoords="offset points", va="center")
axes.invert_yaxis()
axes.set(xlabel="estimated peak of memory (GB = 10⁹ bytes)", xlim=(0, 1.15 * left.max()))
axes.legend(ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.16), frameon=False)
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: five bars cut into runtime, weights, LoRA, activations and logits (no peak falls into
# generation, so there is no KV cache), and a dashed line at a T4's memory (sold as 16 GB, of which torch
# can use a little less). The tiny model's bar is short and mostly activations. The t4 preset ends well left
# of the line, with weights and logits as its largest parts. Longer completions bring it near the line;
# larger micro-batches take it beyond by logits, no checkpointing by activations.*
#
# Two levers hold the peak down. **Gradient checkpointing** throws away what a layer computes and computes it
# again in the backward pass: time for memory. **Accumulation** cuts a step into smaller micro-batches, and
# what is learned stays the same. Which helps most depends on the setting: take away either, and the preset no
# longer fits. With both in use it is the logits over 262,144 tokens that are left on top of the weights.
# Shortening completions is the last resort, for the model needs room to think. Should a setting not fit, the
# estimator says what to change first:

# %%
for name, case in cases.items():
    print(f"{name}:", "fits." if fits(case, T4_BYTES)[0] else "too large.", fits(case, T4_BYTES)[1])
display(pd.Series(memory_now(), name="this notebook, GB").to_frame())

# %% [markdown]
# How far can one trust it? `tools/measure_memory.py` measures real GRPO steps on a CPU, with the tiny model and
# with a random model of Gemma 3 1B's exact shape, and compares.

# %%
path = DATA.parents[1] / "recorded/memory.json"
recorded = read_json(path)["settings"] if path.exists() else {}
rows = [(max(row["measured"].values()) / 1e9, row["ratio"], row.get("held", np.nan) / 1e9) for row in recorded.values()]
columns = ["measured peak (GB)", "estimated / measured", "held (GB)"]
display(pd.DataFrame(rows, columns=columns, index=list(recorded)).round(2))
if not recorded:
    print("This checkout has no recorded measurement.")

# %% [markdown]
# *Measured* counts live memory above what Python and its libraries take, and the estimates beside it are for the
# lengths that occurred; the chart above adds the runtime and counts the longest sequences possible. *Held* is what the operating system
# sees of the tiny model's runs with the usual allocator, which keeps small freed blocks for later: leave room
# for it on a CPU. No GPU was used. There the same terms count, but TRL then computes the log-probabilities
# without copying the logits; none of it was measured: leave a margin.
#
# ## The reference model comes free
#
# The KL penalty of chapter 2 compares the policy with a **reference model**: the base model. A full
# fine-tuning has to keep a frozen copy of it. With LoRA the copy is already there: switch the adapter
# off. To see it, give the adapter some random values, so that policy and base differ.

# %%
with torch.no_grad():
    for name, parameter in policy.named_parameters():
        if "lora_B" in name:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
    with_adapter = policy(**prompt).logits
    with policy.disable_adapter():
        reference = policy(**prompt).logits
print(f"adapter on:  largest difference from the base model {(with_adapter - base_logits).abs().max():.2e}")
print(f"adapter off: largest difference from the base model {(reference - base_logits).abs().max():.2e}")
assert torch.equal(reference, base_logits)

# %% [markdown]
# Adapter off, the outputs are the base model's own. This is what TRL does when `beta` is above zero and
# the model has an adapter. `smoke` and `laptop` train with `beta = 0` and need no reference. `t4` and `gpu`
# set it above 0: that costs one more forward pass (the moment *reference* above), but no second copy of the
# weights.
#
# ## Sampling: temperature
#
# A model gives a score (logit) to every token of the vocabulary. Sampling divides the scores by the
# **temperature** $T$, turns them into probabilities with a softmax, and draws. The next plot shows one
# choice at three temperatures: the toy question has been asked, the model has written `<`, and now it
# picks the token after it.

# %%
temperatures = (0.5, 1.0, 1.5)
asked_so_far = tokenizer(prompt_text + "<", return_tensors="pt", add_special_tokens=False)
with torch.inference_mode():
    scores = base(**asked_so_far.to(base.device)).logits[0, -1]
top = scores.topk(2).indices
figure, axes = plt.subplots(figsize=(8, 3.4))
for k, (t, hatch) in enumerate(zip(temperatures, ("", "//", ".."), strict=True)):
    chances = (scores / t).softmax(-1)[top]
    places = np.arange(len(top)) + 0.27 * (k - 1)
    axes.bar(places, chances, 0.27, label=f"T = {t}", color=str(0.4 + 0.25 * k), hatch=hatch, edgecolor="black")
axes.set_xticks(range(len(top)), [repr(tokenizer.decode([token])) for token in top.tolist()])
axes.set(xlabel="token after the first <", ylabel="probability (0 to 1)")
axes.legend()
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: for each of the two likeliest next tokens, `answer` and `reasoning`, three bars for three
# temperatures. The bars of the first shrink as T grows, those of the second grow.*
#
# At a low temperature the first token takes nearly all; as $T$ rises, the second gets its share. So a low
# temperature sharpens the choice, a high one levels it; **greedy** decoding is the limit $T \to
# 0$. GRPO needs completions that differ, for a group of equal completions has no advantages. It also
# needs probabilities that are the policy's own. Both speak for $T = 1$ with no top-k and no top-p, and
# that is what the presets set. (TRL divides the logits by the temperature when it computes
# log-probabilities, too, so that they fit what was sampled.)
#
# After a `<`, this one token decides a great deal: whether the model opens a reasoning block or goes straight
# to an answer. (Other completions of the base model begin without a tag.) GRPO works on choices such as this one, and it can only strengthen what is sampled now and
# then.
#
# ## How the base model answers
#
# Now the question that the whole course hangs on: what does the model do before any training? Draw a
# group of completions for each of a few training problems.

# %%
samples_wanted = min(64, settings.eval_problems)
problems = saved_rows(run, settings, seed, "train")[: samples_wanted // settings.group_size]
asked = [row for row in problems for _ in range(settings.group_size)]
drawn = generate(
    base,
    tokenizer,
    [row["prompt"] for row in asked],
    "sampled",
    max_new_tokens=settings.max_completion_length,
    temperature=settings.temperature,
    seed=seed,
)
print(f"{len(drawn)} completions, {len(problems)} problems x {settings.group_size}")
print("the first problem:", asked[0]["question"])
for text in dict.fromkeys(sample.text for sample in drawn[: settings.group_size]):
    print(f"--- {asked[0]['answer']} would be right\n{text}")

# %% [markdown]
# The completions above all answer the same question. Now sort them all by their manner. More than one
# line is taken as the mark of worked steps; the grader says the rest.

# %%
KINDS = ["well formed", "worked, form broken", "bare answer", "no answer block"]


def kind_of(text, found):
    """How a completion answers: one of KINDS."""
    if found.well_formed:
        return KINDS[0]
    if "\n" in text.strip():
        return KINDS[1]
    return KINDS[2] if found.answer is not None else KINDS[3]


table = []
for row, done in zip(asked, drawn, strict=True):
    found = grade(done.text, row["answer"], row["task"], row.get("options"), done.ended)
    table.append((kind_of(done.text, found), found.correct, done.tokens))
table = pd.DataFrame(table, columns=["kind", "right", "tokens"])
summary = table.groupby("kind").agg(completions=("right", "size"), right=("right", "mean"), tokens=("tokens", "mean"))
summary["right"] = summary["right"].map("{:.0%}".format)
summary["tokens"] = summary["tokens"].round(1)
display(summary.reindex([kind for kind in KINDS if kind in summary.index]))

# %%
right = table[table.right].kind.value_counts().reindex(KINDS, fill_value=0)
wrong = table[~table.right].kind.value_counts().reindex(KINDS, fill_value=0)
figure, axes = plt.subplots(figsize=(8, 3))
axes.bar(KINDS, right, color="0.4", edgecolor="black", label="right")
axes.bar(KINDS, wrong, bottom=right, color="0.95", hatch="//", edgecolor="black", label="wrong or not read")
axes.set(xlabel="manner of the completion", ylabel="completions (count)")
axes.legend()
figure.tight_layout()
plt.show()

# %% [markdown]
# *The picture: one bar for each manner of answering, its height the number of completions; the dark
# part of a bar is right, the hatched part wrong or without an answer that can be read.*
#
# Two things to look for. The share of **bare answers**: that is blurting. And, in the table, how often
# a bare answer is right compared with a worked one. Where working helps, a model that works more often
# will be right more often. GRPO need not teach arithmetic then; it has to make the better habit more
# frequent. Several manners in one group, with different rewards: that is the best thing that can
# happen to it.
#
# Mind that these are a few dozen completions. How sure one can be of such shares is the subject of
# chapter 7.
#
# ## What is passed on
#
# Chapter 6 compares the adapter that it trains with `lora.json`. Chapter 5 scores `base_samples.json`.

# %%
folder = run.chapter("04_model_and_lora")
adapter_facts = {
    "rank": settings.lora_rank,
    "alpha": settings.lora_alpha,
    "targets": list(LORA_TARGETS),
    "trainable_parameters": trainable,
}
samples = [
    {"question": row["question"], "gold": row["answer"], "task": row["task"], "options": row.get("options")}
    | {"completion": done.text, "ended": done.ended}
    for row, done in zip(asked, drawn, strict=True)
]
write_json(folder / "lora.json", adapter_facts)
write_json(folder / "base_samples.json", samples)
print(f"wrote lora.json and base_samples.json ({len(samples)} completions) to {folder}")

# %% [markdown]
# ## What to remember
#
# - Gemma 3 alternates five layers that see a window with one that sees everything. News still travels
#   far, one window a layer.
# - LoRA learns $\frac{\alpha}{r} B A$ beside a frozen $W$. $B$ starts at zero, so the policy starts as
#   the base model.
# - An adapter has $r(\text{in} + \text{out})$ parameters per linear layer. Name all seven projections.
# - With Gemma 3 1B the peak of memory comes while there are logits: weights plus the logits of one micro-batch.
#   Checkpointing and accumulation hold it down.
# - Adapter off = reference model. No second copy.
# - Stop at tokens 1 **and** 106, sample at temperature 1, and look at the base model's answers before
#   you train.
#
# **Left out:** quantised base models (QLoRA), adapters on embeddings, and how attention and rotary
# positions work inside. The course treats the model as given; what it teaches is how to move it.
#
# ## Exercises
#
# `exercises/04_model_and_lora.ipynb`: work out how large the KV cache is and what the sliding window
# saves, find the largest micro-batch whose logits fit, and get the log-probabilities of policy and reference
# out of one model.
#
# ## Next
#
# Chapter 5 puts the rewards to the test before any training depends on them.
