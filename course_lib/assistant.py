"""A model to put questions to: the shipped one, a checkpoint of yours, or any model folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.artifacts import REFERENCE, Run, read_json
from course_lib.coherence import block
from course_lib.completions import is_well_formed, read_answer
from course_lib.devices import pick_device
from course_lib.errors import DataError, ModelFileError
from course_lib.evaluation import Completion, generate
from course_lib.prompts import DEFAULT_STYLE, DEFAULT_TAGS, EOS_IDS, PromptStyle, build_prompt
from course_lib.strategies import get_strategy
from course_lib.validation import nearest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from course_lib.presets import Preset

LONGEST_QUESTION = 4000  # characters


@dataclass(frozen=True)
class Reply:
    """What a model said to one question, its reasoning and its answer apart.

    ``reasoning`` and ``answer`` are ``None`` where the text has no such block (or more than one answer); ``text`` is
    all of it. ``tokens`` counts the completion with its end mark; ``ended`` says whether the model stopped by itself.
    """

    question: str
    reasoning: str | None
    answer: str | None
    text: str
    tokens: int
    ended: bool
    well_formed: bool = field(default=False)

    @classmethod
    def read(cls, question: str, done: Completion) -> Reply:
        reasoning = block(done.text, DEFAULT_TAGS.reasoning)
        answer = read_answer(done.text)
        formed = done.ended and is_well_formed(done.text)
        return cls(question, reasoning, answer, done.text, done.tokens, done.ended, formed)

    def to_dict(self) -> dict:
        return asdict(self)


def trained_adapter(preset: Preset) -> Path:
    """The adapter of your own run with this preset, else the one that ships with the course for its task."""
    for adapter in Run(preset).places("06_training/adapter"):
        if (adapter / "adapter_config.json").is_file():
            return adapter
    raise ModelFileError(
        f"there is no trained adapter for {preset.name!r}: run chapter 6 with it, or name one with --checkpoint"
    )


def check_question(question: str) -> str:
    """The question without white space around it. Raises ``DataError`` when it is empty, far too long or no text."""
    question = question.strip()
    if any("\ud800" <= sign <= "\udfff" for sign in question):  # what Python makes of bytes that are not UTF-8
        raise DataError("the question is not UTF-8")
    if not question:
        raise DataError("the question is empty")
    if len(question) > LONGEST_QUESTION:
        raise DataError(f"the question has {len(question)} characters; at most {LONGEST_QUESTION} are taken")
    return question


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint's name stands for; nothing is loaded yet.

    ``source`` is the base model, ``adapter`` its folder if there is one, ``about`` says in words what it is.
    """

    name: str
    source: str
    adapter: Path | None
    about: str

    @property
    def fingerprint(self) -> str:
        """The first digits of the SHA-256 of the adapter's weights; empty without an adapter."""
        weights = self.adapter / "adapter_model.safetensors" if self.adapter else None
        return sha256(weights.read_bytes()).hexdigest()[:12] if weights and weights.is_file() else ""


def find_checkpoint(checkpoint: str, preset: Preset) -> Checkpoint:
    """The model that a name stands for (see ``Assistant``). Raises ``ModelFileError`` for a name of nothing."""
    if checkpoint == "base":
        return Checkpoint("base", preset.model, None, f"{preset.model}, without an adapter")
    folder = trained_adapter(preset) if checkpoint == "trained" else Path(os.path.expanduser(checkpoint))
    for adapter in (folder, folder / "adapter", folder / "06_training/adapter"):
        if (adapter / "adapter_config.json").is_file():
            return _adapted(adapter, preset)
    if (folder / "config.json").is_file():
        return Checkpoint(checkpoint, str(folder), None, f"the model in {folder}")
    if folder.exists():
        raise ModelFileError(
            f"{folder} holds neither a model (config.json) nor an adapter (adapter_config.json), and is no run's folder"
        )
    if checkpoint.startswith(("/", ".", "~")) or "\\" in checkpoint or checkpoint.count("/") > 1:
        raise ModelFileError(f"{checkpoint} does not exist; give 'trained', 'base', another folder, or owner/name")
    if "/" not in checkpoint and checkpoint != "tiny":
        near = nearest(checkpoint, ("trained", "base"))
        raise ModelFileError(f"no folder {checkpoint!r}; give 'trained', 'base', a folder, or owner/name{near}")
    return Checkpoint(checkpoint, checkpoint, None, f"{checkpoint}, without an adapter")


def _adapted(adapter: Path, preset: Preset) -> Checkpoint:
    config = read_json(adapter / "adapter_config.json")
    source = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not source:
        raise ModelFileError(f"{adapter / 'adapter_config.json'} does not name its base model; name another folder")
    whose = f"the adapter in {adapter}"
    if adapter == Run(preset).root / "06_training/adapter":
        whose = f"your own run's adapter, {adapter}"
    elif adapter.is_relative_to(REFERENCE):
        whose = f"the adapter that ships with the course ({adapter.relative_to(REFERENCE).parts[0]})"
    return Checkpoint(str(adapter), source, adapter, f"{source} with {whose}")


class Assistant:
    """A loaded model with its tokenizer.

    ``checkpoint``: ``"trained"`` (your own run's adapter, else the shipped one), ``"base"`` (no adapter), a folder
    with an adapter or a run's, a model folder or a Hub name. Raises ``ModelFileError`` when nothing can be loaded.
    """

    def __init__(self, checkpoint: str = "trained", preset: Preset | None = None, device: str = ""):
        from course_lib.models import load_adapter, load_model, load_tokenizer
        from course_lib.presets import get_preset

        found = find_checkpoint(checkpoint, preset or get_preset("laptop"))
        self.name, self.about = found.name, found.about
        model = load_model(found.source)
        if found.adapter:
            model = load_adapter(model, found.adapter)
        self.model: PreTrainedModel = model.to(pick_device(device))
        self.tokenizer: PreTrainedTokenizerBase = load_tokenizer(found.source)

    def ask(self, questions: list[str], style: PromptStyle = DEFAULT_STYLE, kind: str = "number", **options):
        """One ``Reply`` per question. ``options`` go to ``evaluation.generate`` (strategy, max_new_tokens, seed, …)."""
        questions = [check_question(question) for question in questions]
        prompts = [build_prompt(question, kind=kind, style=style) for question in questions]
        done = generate(self.model, self.tokenizer, prompts, **options)
        return [Reply.read(question, one) for question, one in zip(questions, done, strict=True)]

    def stream(
        self,
        question: str,
        style: PromptStyle = DEFAULT_STYLE,
        kind: str = "number",
        strategy: str = "greedy",
        max_new_tokens: int = 80,
        seed: int = 0,
    ) -> Iterator[Reply]:
        """The reply as it grows, a ``Reply`` a piece; the last one is whole. Closing the iterator stops the model."""
        import torch
        from transformers import StoppingCriteria, TextIteratorStreamer

        prompt = build_prompt(check_question(question), kind=kind, style=style)
        batch = self.tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self.model.device)
        streamer = TextIteratorStreamer(self.tokenizer, skip_prompt=True, skip_special_tokens=True)
        stopped, output = threading.Event(), []

        class Stop(StoppingCriteria):
            def __call__(self, input_ids, scores, **kwargs):
                return torch.full((len(input_ids),), stopped.is_set(), dtype=torch.bool, device=input_ids.device)

        def work() -> None:
            try:
                with torch.random.fork_rng(), torch.inference_mode():
                    torch.manual_seed(seed)
                    output.append(
                        self.model.generate(
                            **batch,
                            **get_strategy(strategy).sampling(),
                            max_new_tokens=max_new_tokens,
                            eos_token_id=list(EOS_IDS),
                            pad_token_id=self.tokenizer.pad_token_id,
                            streamer=streamer,
                            stopping_criteria=[Stop()],
                        )
                    )
            finally:
                streamer.end()

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        text = ""
        try:
            for piece in streamer:
                text += piece
                yield Reply.read(question, Completion(text, 0, False))
        finally:
            stopped.set()
            worker.join()
        if output:
            ids = output[0][0, batch["input_ids"].shape[1] :].tolist()
            text = self.tokenizer.decode(ids, skip_special_tokens=True)
            yield Reply.read(question, Completion(text, len(ids), ids[-1] in EOS_IDS))
