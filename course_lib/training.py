"""GRPO with TRL's ``GRPOTrainer`` and PEFT's LoRA; this module only wires them to the course's settings."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from course_lib.backends import choose_backend, load_policy, start_backend, training_dtype

start_backend()  # Unsloth, where it is used, must come before TRL and transformers

# ruff: noqa: E402
from datasets import Dataset
from transformers import PrinterCallback, set_seed
from transformers.utils import logging
from trl import GRPOConfig, GRPOTrainer

from course_lib.artifacts import read_json, write_json
from course_lib.callbacks import Clock, CsvLog, ProgressBar
from course_lib.errors import DataError, TrainingError
from course_lib.models import load_tokenizer, machine
from course_lib.presets import Preset
from course_lib.rewards import Suite


def grpo_config(preset: Preset, output_dir: Path, seed: int) -> GRPOConfig:
    """The preset in TRL's words. Everything that matters is set here, so that no default can move."""
    import torch

    gpu = torch.cuda.is_available()
    return GRPOConfig(
        output_dir=str(output_dir),
        seed=seed,
        data_seed=seed,
        max_steps=preset.steps,
        per_device_train_batch_size=preset.batch_size,
        gradient_accumulation_steps=preset.accumulation,
        num_generations=preset.group_size,
        max_completion_length=preset.max_completion_length,
        temperature=preset.temperature,
        top_p=1.0,
        top_k=0,
        beta=preset.beta,
        epsilon=preset.epsilon,
        num_iterations=1,
        loss_type=preset.loss_type,
        scale_rewards="group",
        mask_truncated_completions=False,
        learning_rate=preset.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=preset.warmup,
        optim=preset.optimizer,
        weight_decay=0.0,
        max_grad_norm=preset.max_grad_norm,
        gradient_checkpointing=preset.gradient_checkpointing,
        bf16=training_dtype(preset) == torch.bfloat16,
        fp16=False,
        use_cpu=not gpu,
        logging_steps=1,
        save_strategy="steps",
        save_steps=preset.checkpoint_every,
        save_total_limit=2,
        report_to=[name for name in preset.log_to.split(",") if name],
        disable_tqdm=True,  # the trainer's own bar prints every metric at every step: see ProgressBar
        shuffle_dataset=False,
    )


@dataclass(frozen=True)
class TrainResult:
    """What a training run left behind."""

    adapter: Path
    log: Path
    steps: int
    train_seconds: float
    lora_b_norm: float


def training_data(preset: Preset, tokenizer, rows: list[dict]) -> Dataset:
    """The prompts of a run, each used once, in order; too long ones are left out before anything starts.

    Raises ``DataError`` when fewer are left than the run needs.
    """

    def fits(row: dict) -> bool:
        text = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, tokenize=False)
        return len(tokenizer(text, add_special_tokens=False).input_ids) <= preset.max_prompt_length

    kept = [row for row in rows if fits(row)]
    if len(kept) < preset.train_problems:
        raise DataError(
            f"only {len(kept)} of {len(rows)} {preset.task} prompts have at most {preset.max_prompt_length} "
            f"tokens, {preset.train_problems} are needed: raise max_prompt_length or lower steps"
        )
    return Dataset.from_list(kept[: preset.train_problems])


def make_trainer(
    preset: Preset, suite: Suite, rows: list[dict], output_dir: Path, seed: int = 0, quiet: bool = False
) -> GRPOTrainer:
    """TRL's own trainer, on the preset's model with a fresh LoRA adapter. ``rows``: see ``tasks``."""
    set_seed(seed)
    # The trainer warns that tokenizer and config name other EOS ids; generation stops at both (EOS_IDS).
    logging.set_verbosity_error()
    tokenizer = load_tokenizer(preset.model)
    config = grpo_config(preset, output_dir / "checkpoints", seed)
    config.reward_weights = list(suite.weights)
    model, peft_config = load_policy(preset, seed)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=list(suite.rewards),
        args=config,
        train_dataset=training_data(preset, tokenizer, rows),
        processing_class=tokenizer,
        peft_config=peft_config,
        callbacks=[CsvLog(output_dir / "log.csv", suite)] + ([] if quiet else [ProgressBar()]),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _fingerprint(preset: Preset, suite: Suite, seed: int) -> str:
    told = json.dumps([preset.settings(), suite.name, suite.weights, seed])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint: the trainer's state is written last, so a folder with one is whole."""
    whole = [p.parent for p in folder.glob("checkpoint-*/trainer_state.json")]
    return max(whole, key=lambda p: int(p.name.rpartition("-")[2]), default=None)


def lora_b_norm(model) -> float:
    """The norm of all LoRA B matrices: 0.0 before training, so a zero afterwards means nothing was learned."""
    squares = (p.detach().pow(2).sum().item() for n, p in model.named_parameters() if "lora_B" in n)
    return sum(squares) ** 0.5


def train(
    preset: Preset, suite: Suite, rows: list[dict], output_dir: Path, seed: int = 0, quiet: bool = False
) -> TrainResult:
    """Train, or go on where an interrupted run with the same settings stopped.

    Writes ``adapter/``, ``log.csv`` and ``run.json`` (settings, machine, versions, seed, seconds).

    Raises ``TrainingError`` when the adapter has not moved.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    checkpoints, mark = output_dir / "checkpoints", output_dir / "checkpoints" / "settings"
    fingerprint = _fingerprint(preset, suite, seed)
    if checkpoints.exists() and (not mark.exists() or mark.read_text() != fingerprint):
        shutil.rmtree(checkpoints)
    checkpoints.mkdir(exist_ok=True)
    mark.write_text(fingerprint)

    resume = newest_checkpoint(checkpoints)
    trainer = make_trainer(preset, suite, rows, output_dir, seed, quiet)
    clock = Clock(checkpoints / "seconds")
    trainer.add_callback(clock)
    if resume:
        print(f"Going on from {resume.name} of an interrupted run.")
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)

    norm = lora_b_norm(trainer.model)
    if not 0 < norm < float("inf"):
        raise TrainingError(f"the LoRA B matrices have norm {norm} after training: nothing was learned")
    adapter = output_dir / "adapter"
    trainer.model.save_pretrained(str(adapter), selected_adapters=["default"])  # not the reference's copy
    named = adapter / "adapter_config.json"
    write_json(named, read_json(named) | {"base_model_name_or_path": preset.model})  # not a path of this machine
    (adapter / "README.md").unlink(missing_ok=True)  # PEFT's empty card; the course writes a real one on export
    write_json(
        output_dir / "run.json",
        {
            "preset": preset.to_dict(),
            "suite": {
                "name": suite.name,
                "weights": {f.__name__: w for f, w in zip(suite.rewards, suite.weights, strict=True)},
            },
            "seed": seed,
            "backend": choose_backend(preset),
            "steps": trainer.state.global_step,
            "train_seconds": round(clock.seconds, 1),
            "resumed": resume is not None,
            "lora_b_norm": norm,
            "peak_memory_gb": peak_memory_gb(),
            "machine": machine(),
        },
    )
    shutil.rmtree(checkpoints)
    return TrainResult(adapter, output_dir / "log.csv", trainer.state.global_step, clock.seconds, norm)


def peak_memory_gb() -> float | None:
    """The most memory that this process has held so far, in GB (10^9 bytes); ``None`` where it is not told."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 2)
