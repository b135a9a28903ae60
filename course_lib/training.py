"""GRPO with TRL's ``GRPOTrainer`` and PEFT's LoRA; this module only wires them to the course's settings."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from course_lib.backends import choose_backend, load_policy, start_backend, training_dtype

start_backend()  # Unsloth, where it is used, must come before TRL and transformers

# ruff: noqa: E402
from datasets import Dataset
from transformers import PrinterCallback, set_seed
from transformers.integrations import TensorBoardCallback
from transformers.utils import logging
from trl import GRPOConfig, GRPOTrainer

from course_lib.adapters import LAST_GOOD, keep_last_good, lora_b_norm, save_adapter
from course_lib.artifacts import write_json
from course_lib.callbacks import Clock, CsvLog, LivePlot, ProgressBar, in_notebook, loggers
from course_lib.checkpoints import Seal, explained, open_checkpoints
from course_lib.distributed import batch_of_one_process, is_main, state, wait, world_size
from course_lib.errors import DataError, RewardError, SettingError, TrainingError
from course_lib.guards import Guard, checked
from course_lib.memory import peak_memory_gb
from course_lib.models import load_tokenizer, machine
from course_lib.presets import Preset
from course_lib.rewards import Suite
from course_lib.tasks import prompt_fits
from course_lib.vllm_settings import vllm_arguments

# What may change between a run and its continuation: it has no part in how the run goes.
BESIDE = ("log_to", "max_kl", "eval_problems", "eval_batch")


def grpo_config(preset: Preset, output_dir: Path, seed: int) -> GRPOConfig:
    """The preset in TRL's words. Everything that matters is set here, so that no default can move.

    On several processes each takes its share of a micro-batch: a step sees as many completions as on one.
    """
    import torch

    gpu = torch.cuda.is_available()
    return GRPOConfig(
        output_dir=str(output_dir),
        seed=seed,
        data_seed=seed,
        max_steps=preset.steps,
        per_device_train_batch_size=batch_of_one_process(preset),
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
        ddp_find_unused_parameters=False,  # every LoRA matrix takes part in every step
        logging_steps=1,
        save_strategy="steps",
        save_steps=preset.checkpoint_every,
        save_total_limit=2,
        logging_nan_inf_filter=False,  # the guard must see them
        report_to=loggers(preset.log_to),
        run_name=f"{preset.name}, seed {seed}",
        trackio_space_id=None,  # local: nothing is sent anywhere
        trackio_static_space_id=False,
        disable_tqdm=True,  # the trainer's own bar prints every metric at every step: see ProgressBar
        shuffle_dataset=False,
        **vllm_arguments(preset),
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

    fits = prompt_fits(preset, tokenizer)
    kept = [row for row in rows if fits(row["prompt"])]
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
    log = output_dir / "log.csv"
    watching = [] if quiet else [ProgressBar(), *([LivePlot(log)] if in_notebook() and is_main() else [])]
    model, peft_config = load_policy(preset, seed)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=[checked(reward) for reward in suite.rewards],
        args=config,
        train_dataset=training_data(preset, tokenizer, rows),
        processing_class=tokenizer,
        peft_config=peft_config,
        callbacks=[CsvLog(log, suite), *watching],
    )
    trainer.remove_callback(PrinterCallback)
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, TensorBoardCallback):  # by itself it writes into the checkpoints, which are deleted
            callback.logging_dir = callback.logging_dir or str(output_dir / "tensorboard")
    return trainer


def train(
    preset: Preset, suite: Suite, rows: list[dict], output_dir: Path, seed: int = 0, quiet: bool = False
) -> TrainResult:
    """Train, or go on where an interrupted run with the same settings stopped.

    Writes ``adapter/``, ``log.csv`` and ``run.json`` (settings, machine, versions, seed, seconds).

    Raises ``SettingError`` when the suite is for other tasks, ``RewardError`` for a reward that is no number,
    ``TrainingError`` when the run goes wrong (see ``guards``; what was good is then in ``adapter-last-good/``), cannot
    write, or has not moved the adapter.
    """
    if preset.kind not in suite.kinds:
        raise SettingError(
            f"suite {suite.name} is for tasks of the kind {' or '.join(suite.kinds)}, but {preset.task} has answers of "
            f"the kind {preset.kind}: choose another suite (course_lib/rewards.py) or another task"
        )
    with explained(output_dir):
        return _train(preset, suite, rows, output_dir, seed, quiet)


def _train(preset: Preset, suite: Suite, rows: list[dict], output_dir: Path, seed: int, quiet: bool) -> TrainResult:
    output_dir.mkdir(parents=True, exist_ok=True)
    trainer = make_trainer(preset, suite, rows, output_dir, seed, quiet)
    checkpoints = output_dir / "checkpoints"  # touched only now, when the model and the data are there
    decides = {key: value for key, value in preset.settings().items() if key not in BESIDE}
    with state().main_process_first():
        resume = open_checkpoints(checkpoints, [decides, suite.name, suite.names, suite.weights, seed, rows])
    guard, clock = Guard(preset), Clock()
    for callback in (guard, clock, Seal()):
        trainer.add_callback(callback)
    if resume and is_main():
        print(f"Going on from {resume.name} of an interrupted run.")
    try:
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    except (TrainingError, RuntimeError) as error:
        trouble = guard.trouble(error)
        if trouble is None:
            raise
        proven = float("inf") if isinstance(trouble, RewardError) else guard.proven
        raise type(trouble)(f"{trouble} {keep_last_good(output_dir, preset, proven)}") from None

    norm = lora_b_norm(trainer.model)
    if not 0 < norm < float("inf"):
        raise TrainingError(f"the LoRA B matrices have norm {norm} after training: nothing was learned")
    adapter = save_adapter(trainer.model, output_dir / "adapter", preset)
    record = {
        "preset": preset.to_dict(),
        "suite": {
            "name": suite.name,
            "weights": {f.__name__: w for f, w in zip(suite.rewards, suite.weights, strict=True)},
        },
        "seed": seed,
        "backend": choose_backend(preset),
        "processes": world_size(),
        "steps": trainer.state.global_step,
        "train_seconds": round(clock.seconds, 1),
        "resumed": resume is not None,
        "lora_b_norm": norm,
        "peak_memory_gb": peak_memory_gb(),
        "machine": machine(),
    }
    if is_main():
        write_json(output_dir / "run.json", record)
        shutil.rmtree(output_dir / LAST_GOOD, ignore_errors=True)  # of a run that went wrong before
        shutil.rmtree(checkpoints)
    wait()
    return TrainResult(adapter, output_dir / "log.csv", trainer.state.global_step, clock.seconds, norm)
