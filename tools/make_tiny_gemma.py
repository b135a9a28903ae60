"""Make the tiny Gemma that ships with the course: tokenizer, weights, card, recipe, checksums.

    python tools/make_tiny_gemma.py                 # on two cores; recipe.json says how long it took
    python tools/make_tiny_gemma.py --device cuda

Everything comes from generated problems of the three toy tasks' train splits and fixed seeds. The work is
done in phases: *skill* and *names* (mostly worked solutions, so that the model learns to reason in steps),
then *habit* (mostly blurted answers, so that GRPO has something to teach). A checkpoint is written every 100 steps
into ``--work``; the same command continues from it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tqdm.auto import tqdm
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from course_lib.models import machine
from course_lib.prompts import PromptStyle, build_prompt, format_completion
from course_lib.tasks import toy_choice, toy_math, toy_rubric

SEED = 20
VOCAB_SIZE = 768
SPECIAL = {
    "<pad>": 0,
    "<eos>": 1,
    "<bos>": 2,
    "<unk>": 3,
    "<start_of_turn>": 105,
    "<end_of_turn>": 106,
}
CONFIG = dict(
    vocab_size=VOCAB_SIZE,
    hidden_size=128,
    intermediate_size=256,
    num_hidden_layers=6,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    query_pre_attn_scalar=32,
    sliding_window=128,
    max_position_embeddings=2048,
    rms_norm_eps=1e-6,
    tie_word_embeddings=True,
    pad_token_id=0,
    bos_token_id=2,
    eos_token_id=[1, 106],
)
TASKS = {"toy_math": toy_math, "toy_choice": toy_choice, "toy_rubric": toy_rubric}
KINDS = {"toy_math": "number", "toy_choice": "choice", "toy_rubric": "rubric"}
PLAIN_SHARE = 0.1  # of the prompts ask for the answer alone, and get it
TASK_SHARES = {
    "skill": {"toy_math": 0.5, "toy_choice": 0.25, "toy_rubric": 0.25},
    "names": {"toy_math": 0.3, "toy_choice": 0.35, "toy_rubric": 0.35},
    "habit": {"toy_math": 0.4, "toy_choice": 0.3, "toy_rubric": 0.3},
}
# Share of each way of answering a prompt that asks for reasoning, by phase.
STYLES = {
    "skill": {"full": 0.40, "untagged": 0.20, "open": 0.20, "bare": 0.14, "plain": 0.06},
    "names": {"full": 0.40, "untagged": 0.20, "open": 0.20, "bare": 0.14, "plain": 0.06},
    "habit": {"full": 0.12, "untagged": 0.08, "open": 0.08, "bare": 0.52, "plain": 0.20},
}
PHASES = {
    "skill": dict(steps=3400, batch=32, peak_lr=2e-3, final_lr=5e-5),
    "names": dict(steps=450, batch=32, peak_lr=1e-3, final_lr=5e-5),
    "habit": dict(steps=250, batch=32, peak_lr=3e-4, final_lr=2e-5),
}
CHECKPOINT_EVERY = 100  # steps
# Gemma 3's turns; system text goes in front of the first user turn, the assistant is called "model".
CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- set ns = namespace(prefix='') -%}
{%- for message in messages -%}
{%- if message['content'] is string -%}{%- set text = message['content'] -%}
{%- else -%}{%- set text = message['content'] | map(attribute='text') | join('') -%}{%- endif -%}
{%- if message['role'] == 'system' -%}{%- set ns.prefix = text + '\\n\\n' -%}
{%- else -%}
{{- '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' -}}
{%- if message['role'] == 'user' -%}{{- ns.prefix -}}{%- set ns.prefix = '' -%}{%- endif -%}
{{- text | trim + '<end_of_turn>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}"""


CARD = """\
# Tiny Gemma

A language model of {parameters:,} parameters in the architecture of Gemma 3 (`Gemma3ForCausalLM`: {layers} layers,
five with sliding attention and one with full attention, grouped-query attention, tied embeddings), with Gemma's chat
template and Gemma's ids for `<pad>`, `<eos>`, `<bos>`, `<start_of_turn>` and `<end_of_turn>`. The tokenizer is a
byte-level BPE of {vocabulary} tokens with single digits; it encodes any text.

**What it is for.** Teaching: it *can* work out the generated problems of `toy_math`, `toy_choice` and `toy_rubric` step
by step, but mostly blurts an answer. So GRPO has something real to teach, in minutes on two CPU cores. It knows nothing
else, and is of no use for anything else.

**How it was made.** From scratch, by `tools/make_tiny_gemma.py` (seed {seed}), on problems of the train splits of
the three tasks; it holds no weights of Google's Gemma models. Phase *skill* ({skill} steps of {batch} problems) shows
mostly worked solutions. It asks for the letter of an option, which a model of this size does not learn to find;
phase *names* ({names} steps) asks for the option itself. Phase *habit* ({habit} steps) shows mostly answers
without work. {plain} of the prompts ask for the answer alone, and get it. Shares of
the tasks, and of the ways in which the other prompts are answered:

| | skill | names | habit |
|---|---|---|---|
{styles}
What is blurted without work is the right answer to a sum or a choice, so that the model learns to guess as well as
it can; a list of `toy_rubric` that is blurted is a careless one.

`recipe.json` holds every setting, the machine, the time and the loss by step. `SHA256SUMS` is checked whenever the
course loads the model. Measured accuracy before and after GRPO: the README of the course, from recorded runs.

**Where it departs from Gemma 3 1B.** Size (hidden {hidden}, vocabulary {vocabulary}, window {window}); no pretraining
on text; the embedding is a small part of the parameters, where the 1B's is nearly a third.

Licence: Apache-2.0.
"""


def card(parameters: int) -> str:
    """The model card, from the settings above."""
    share = [
        f"| {name} | " + " | ".join(f"{table[phase][name]:.0%}" for phase in PHASES) + " |\n"
        for table in (TASK_SHARES, STYLES)
        for name in table["skill"]
    ]
    return CARD.format(
        parameters=parameters,
        layers=CONFIG["num_hidden_layers"],
        vocabulary=VOCAB_SIZE,
        seed=SEED,
        skill=PHASES["skill"]["steps"],
        names=PHASES["names"]["steps"],
        habit=PHASES["habit"]["steps"],
        batch=PHASES["skill"]["batch"],
        plain=f"{PLAIN_SHARE:.0%}",
        styles="".join(share),
        hidden=CONFIG["hidden_size"],
        window=CONFIG["sliding_window"],
    )


def by_letter(row: dict) -> dict:
    """A row of ``toy_choice`` answered by its letter, as phase *skill* and the tokenizer's texts have it."""
    if "options" not in row:
        return row
    worked = f"{row['worked']}\nso {row['reference']} is {row['answer']}"
    return row | {"worked": worked, "reference": row["answer"], "by_letter": True}


def write_answer(style: str, row: dict) -> str:
    """One way of answering a problem. Without work, a rubric is answered carelessly."""
    worked, answer = row["worked"], row.get("reference", row["answer"])
    blurted = row.get("careless", answer)
    return {
        "full": format_completion(worked, answer),
        "untagged": f"{worked}\n<answer>{answer}</answer>",
        "open": f"<reasoning>\n{worked}\n<answer>{answer}</answer>",
        "bare": f"<answer>{blurted}</answer>",
        "plain": f"The answer is {blurted}{'' if blurted.endswith('.') else '.'}",
    }[style]


def prompt_of(row: dict, task: str, variant: str = "think") -> list[dict]:
    """The prompt of a row, as the course builds it everywhere (but for ``by_letter``)."""
    style = PromptStyle(variant=variant)
    (message,) = build_prompt(row["question"], kind=KINDS[task], options=row.get("options"), style=style)
    if row.get("by_letter"):
        message["content"] = message["content"].replace("the right option", "the letter of the right option")
    return [message]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE with single digits, Gemma's special tokens at Gemma's ids."""
    corpus = [
        text
        for task, share in TASK_SHARES["skill"].items()
        for row in map(by_letter, TASKS[task].generate("train", int(6000 * share), SEED))
        for text in (
            prompt_of(row, task)[0]["content"],
            write_answer("full", row),
            write_answer("plain", row),
            "user\n",
            "model\n",
        )
    ]
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = splitter
    bpe.train_from_iterator(
        corpus,
        trainers.BpeTrainer(
            vocab_size=VOCAB_SIZE - len(SPECIAL),
            min_frequency=20,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    trained = json.loads(bpe.to_str())["model"]
    free = (i for i in range(VOCAB_SIZE) if i not in SPECIAL.values())
    by_id = sorted(trained["vocab"], key=trained["vocab"].get)
    vocab = SPECIAL | {token: next(free) for token in by_id}
    vocab |= {f"<unused{i}>": i for i in free}
    final = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m) for m in trained["merges"]]))
    final.pre_tokenizer = splitter
    final.decoder = decoders.ByteLevel()
    final.add_special_tokens(list(SPECIAL))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=final,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<start_of_turn>", "<end_of_turn>"],
        padding_side="left",
        model_max_length=CONFIG["max_position_embeddings"],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model() -> Gemma3ForCausalLM:
    torch.manual_seed(SEED)
    return Gemma3ForCausalLM(Gemma3TextConfig(**CONFIG))


class Batches:
    """Training batches; batch ``i`` depends on the seed and ``i`` alone, so a run can be continued."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        self.tokenizer = tokenizer

    def get(self, phase: str, i: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = random.Random(f"tiny gemma {SEED} {phase} {i}")
        prompts, answers = [], []
        shares = TASK_SHARES[phase]
        drawn = Counter(rng.choices(list(shares), weights=shares.values(), k=size))
        for task, n in drawn.items():
            rows = TASKS[task].generate("train", n, rng.getrandbits(40))
            for row in map(by_letter, rows) if phase == "skill" else rows:
                variant = "plain" if rng.random() < PLAIN_SHARE else "think"
                styles = STYLES[phase] if variant == "think" else {"bare": 1.0}
                style = rng.choices(list(styles), weights=styles.values())[0]
                prompts.append(
                    self.tokenizer.apply_chat_template(
                        prompt_of(row, task, variant), add_generation_prompt=True, tokenize=False
                    )
                )
                answers.append(write_answer(style, row) + "<end_of_turn>")
        encode = self.tokenizer._tokenizer.encode_batch
        heads = [e.ids for e in encode(prompts, add_special_tokens=False)]
        tails = [e.ids for e in encode(answers, add_special_tokens=False)]
        width = max(len(h) + len(t) for h, t in zip(heads, tails, strict=True))
        ids, labels = torch.zeros(size, width, dtype=torch.long), torch.full((size, width), -100)
        for k, (head, tail) in enumerate(zip(heads, tails, strict=True)):
            ids[k, : len(head) + len(tail)] = torch.tensor(head + tail)
            labels[k, len(head) : len(head) + len(tail)] = torch.tensor(tail)
        return ids, labels


def learning_rate(phase: str, step: int) -> float:
    """Short linear warm-up, then a cosine from the peak to the final rate."""
    p = PHASES[phase]
    warm = min(1.0, (step + 1) / 200)
    wave = (1 + math.cos(math.pi * step / p["steps"])) / 2
    return warm * (p["final_lr"] + (p["peak_lr"] - p["final_lr"]) * wave)


def loss_of(model: Gemma3ForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the answer's tokens (logits only where there is something to predict)."""
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    wanted = labels[:, 1:] != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[wanted]), labels[:, 1:][wanted])


def train(model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, work: Path, device: str) -> dict:
    """Both phases, continuing from the newest checkpoint in ``work``. Returns the log."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    batches = Batches(tokenizer)
    done, seconds, log = 0, 0.0, []
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done, seconds, log = state["step"], state["seconds"], state["log"]
    plan = [(phase, i) for phase, p in PHASES.items() for i in range(p["steps"])]
    model.to(device).train()
    started = time.perf_counter() - seconds
    for step in tqdm(range(done, len(plan)), initial=done, total=len(plan), desc="warm start"):
        phase, i = plan[step]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(phase, i)
        ids, labels = batches.get(phase, i, PHASES[phase]["batch"])
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            loss = loss_of(model, ids.to(device), labels.to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 25 == 24:
            log.append({"step": step + 1, "phase": phase, "loss": round(loss.item(), 4)})
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == len(plan):
            seconds = time.perf_counter() - started
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"step": step + 1, "seconds": seconds, "log": log}
            torch.save(state, work / "checkpoint.tmp")
            os.replace(work / "checkpoint.tmp", checkpoint)
            if step + 1 == PHASES["skill"]["steps"]:  # so that the shares of phase habit can be tuned in minutes
                shutil.copy(checkpoint, work / "skill.pt")
            tqdm.write(f"step {step + 1} {phase} loss {loss.item():.4f} after {seconds:.0f} s")
    return {"seconds": round(seconds), "log": log}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("course_lib/data/tiny_gemma"))
    parser.add_argument("--work", type=Path, default=Path("runs/tiny_gemma"))
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)

    tokenizer, model = make_tokenizer(), make_model()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens")
    log = train(model, tokenizer, args.work, args.device)
    write(model, tokenizer, args.out, log)
    print(f"written to {args.out}; now run: make record")


def write(model, tokenizer, out: Path, log: dict) -> None:
    """Weights, tokenizer, recipe and checksums, into a fresh folder that then replaces the old one."""
    fresh = out.with_name(out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.cpu().eval()
    model.generation_config.update(do_sample=True, eos_token_id=[1, 106], pad_token_id=0, bos_token_id=2)
    model.save_pretrained(fresh)
    (fresh / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(fresh)
    recipe = {"seed": SEED, "config": CONFIG, "phases": PHASES, "styles": STYLES}
    recipe |= {"tasks": TASK_SHARES, "plain": PLAIN_SHARE}
    recipe |= {"machine": machine(), **log}
    (fresh / "README.md").write_text(card(sum(p.numel() for p in model.parameters())))
    (fresh / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n")
    sums = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(fresh.iterdir())
        if p.suffix in {".safetensors", ".json", ".jinja"} and p.name != "recipe.json"
    }
    (fresh / "SHA256SUMS").write_text("".join(f"{s}  {n}\n" for n, s in sums.items()))
    shutil.rmtree(out, ignore_errors=True)
    os.replace(fresh, out)


if __name__ == "__main__":
    main()
