"""A learned reward: a small sequence classifier that prefers right completions to wrong ones.

Trained with TRL's ``RewardTrainer`` on pairs (Bradley and Terry 1952: the loss is ``-log sigmoid(s_chosen -
s_rejected)``), from a causal model with a head of one logit in the place of its own. It learns whatever tells the
chosen from the rejected, which need not be what makes them right: see ``hacks.hack_table(learned_suite(…))``.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_lib.artifacts import read_json, write_json
from course_lib.completions import completion_text
from course_lib.errors import DataError, ModelFileError
from course_lib.evaluation import generate
from course_lib.grading import grade
from course_lib.models import load_tokenizer, model_source
from course_lib.rewards import Reward, Suite, correctness_reward, format_reward

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_TOKENS = 512  # of prompt and completion; what is longer is cut off at the end
BATCH = 64  # completions that are scored at once
SCALE_FILE = "scale.json"


def sample_pairs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[dict],
    per_row: int = 4,
    seed: int = 0,
    **options,
) -> list[dict]:
    """Labelled pairs from the model's own samples: for each row up to two right and two wrong completions, crossed.

    ``per_row`` completions of each row are sampled and graded. Columns: ``prompt`` (messages), ``question``,
    ``chosen``, ``rejected``. ``options`` go to ``evaluation.generate``. Rows that are only right or only wrong give no
    pair; ``DataError`` if that is so for all.
    """
    prompts = [row["prompt"] for row in rows]
    samples = [generate(model, tokenizer, prompts, "sampled", seed=seed + i, **options) for i in range(per_row)]
    pairs = []
    for row, completions in zip(rows, zip(*samples, strict=True), strict=True):
        sides: dict[bool, list[str]] = {True: [], False: []}
        for text in dict.fromkeys(c.text for c in completions if c.ended):
            sides[grade(text, row["answer"], row["task"], row.get("options")).correct].append(text)
        shared = {"prompt": row["prompt"], "question": row["question"]}
        pairs += [shared | {"chosen": c, "rejected": r} for c in sides[True][:2] for r in sides[False][:2]]
    if not pairs:
        raise DataError("no row has both a right and a wrong completion; use more rows, or another model")
    return pairs


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str | list[dict], completion: object) -> list[int]:
    """The token ids of prompt and completion, with the end of turn. A prompt is messages, or text that is rendered
    already (as Tunix hands it over)."""
    text = completion_text(completion).encode("utf-8", "replace").decode()  # tokenizers refuse lone surrogates
    if isinstance(prompt, str):
        text = f"{prompt}{text.strip()}<end_of_turn>\n"
    else:
        messages = [*prompt, {"role": "assistant", "content": text}]
        text = tokenizer.apply_chat_template(messages, tokenize=False)
    return tokenizer(text, add_special_tokens=False).input_ids[:MAX_TOKENS]


def train_reward_model(
    pairs: Sequence[dict],
    output_dir: Path,
    model: str = "tiny",
    steps: int = 80,
    batch_size: int = 16,
    learning_rate: float = 5e-4,
    seed: int = 0,
    checkpoint_every: int = 20,
) -> list[dict]:
    """Train on pairs (see ``sample_pairs``) and save to ``output_dir``; returns TRL's log, one entry a step.

    Saved: weights as safetensors, tokenizer, the scale of the scores on the pairs. An interrupted run with the
    same settings goes on where it stopped.
    """
    import torch
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, PrinterCallback, set_seed
    from transformers.utils import logging
    from trl import RewardConfig, RewardTrainer

    from course_lib.checkpoints import Seal, open_checkpoints

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tokenizer = load_tokenizer(model)
    data = [{side + "_ids": encode(tokenizer, p["prompt"], p[side]) for side in ("chosen", "rejected")} for p in pairs]
    checkpoints = output_dir / "checkpoints"
    resume = open_checkpoints(checkpoints, [model, steps, batch_size, learning_rate, seed, checkpoint_every, data])

    set_seed(seed)  # the head starts from random numbers
    source = model_source(model)
    classifier = AutoModelForSequenceClassification.from_pretrained(
        source, num_labels=1, dtype=torch.float32, use_safetensors=True
    )
    config = RewardConfig(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0.1,
        max_length=None,
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        seed=seed,
        logging_steps=1,
        save_strategy="steps",
        save_steps=checkpoint_every,
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
    )
    dataset = Dataset.from_list(data)
    trainer = RewardTrainer(model=classifier, args=config, train_dataset=dataset, processing_class=tokenizer)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Seal())
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    classifier.save_pretrained(output_dir)
    tokenizer.save_pretrained(output_dir)
    scores = score(classifier, tokenizer, [ids for pair in data for ids in pair.values()])
    write_json(output_dir / SCALE_FILE, {"mean": float(scores.mean()), "std": float(scores.std())})
    shutil.rmtree(checkpoints)
    return [entry for entry in trainer.state.log_history if "loss" in entry]


def score(classifier, tokenizer: PreTrainedTokenizerBase, texts: Sequence[list[int]]) -> np.ndarray:
    """The logit of each text (token ids), unbounded."""
    import torch

    found = np.empty(len(texts))
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding
    classifier.eval()
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            padded = tokenizer.pad({"input_ids": [texts[i] for i in places]}, padding_side="right", return_tensors="pt")
            logits = classifier(**padded.to(classifier.device), use_cache=False).logits
            found[places] = logits[:, 0].float().cpu().numpy()
    return found


def load_reward(folder: Path) -> Reward:
    """The reward ``learned_reward`` of a folder that ``train_reward_model`` wrote, in TRL's signature.

    Raises ``ModelFileError`` if the folder cannot be loaded.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    if not (folder / SCALE_FILE).is_file():
        raise ModelFileError(f"{folder} holds no whole reward model; train it first")
    scale = read_json(folder / SCALE_FILE)
    try:
        classifier = AutoModelForSequenceClassification.from_pretrained(
            str(folder), dtype=torch.float32, use_safetensors=True
        )
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
    except Exception as error:  # safetensors, JSON and size errors all mean the same to the reader
        raise ModelFileError(f"the reward model in {folder} cannot be loaded: {error}") from error

    def learned_reward(completions, prompts, **_) -> list[float]:
        """From 0.0 to 1.0: what a classifier thinks of the completion; 0.5 is the mean of its training texts."""
        if len(prompts) != len(completions):
            raise ValueError(f"{len(completions)} completions need as many prompts, not {len(prompts)}")
        texts = [encode(tokenizer, prompt, text) for prompt, text in zip(prompts, completions, strict=True)]
        scores = (score(classifier, tokenizer, texts) - scale["mean"]) / scale["std"]
        return [float(value) for value in 1 / (1 + np.exp(-scores))]

    return learned_reward


def learned_suite(reward: Reward) -> Suite:
    """The learned reward alone; correctness and form have weight 0, so that the log shows them beside it."""
    return Suite("learned", (reward, correctness_reward, format_reward), (1.0, 0.0, 0.0), total=1.0)


def pair_accuracy(reward: Reward, pairs: Sequence[dict]) -> float:
    """The share of pairs in which the chosen completion earns more than the rejected one."""
    prompts = [pair["prompt"] for pair in pairs]
    chosen, rejected = (reward([pair[side] for pair in pairs], prompts=prompts) for side in ("chosen", "rejected"))
    return float(np.mean(np.array(chosen) > np.array(rejected)))
