"""A model card with measured results, and the push of an export to the Hugging Face Hub (a dry run by default)."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat
from typing import TYPE_CHECKING

from course_lib.artifacts import DATA, read_json, write_json
from course_lib.errors import ExportError
from course_lib.export import whole_folder, write_checksums
from course_lib.presets import Preset
from course_lib.prompts import build_prompt, instruction, with_options
from course_lib.report import rewards_of
from course_lib.rollouts import EXAMPLES
from course_lib.shapes import shape_of
from course_lib.summary import limits, paired_sentence, results_table
from course_lib.tasks import TASKS

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

TEMPLATE = DATA / "model_card.md.j2"
TOKEN = "HF_TOKEN"  # the environment variable
BADGE = "[![Model on Hugging Face](https://huggingface.co/datasets/huggingface/badges/resolve/main/model-on-hf-md.svg)]"
SHOWN = (
    "steps prompts_per_step group_size learning_rate temperature beta epsilon loss_type max_grad_norm "
    "max_completion_length lora_rank lora_alpha"
).split()
LICENCES = {
    "apache-2.0": "Apache-2.0, as the course's tiny model, which was trained from scratch.",
    "gemma": "The Gemma Terms of Use apply, as to the base model: https://ai.google.dev/gemma/terms",
    "other": "The licence of the base model applies.",
}
# How each kind of export is loaded; `source` is the repository's name, or a folder.
LOADING = {
    "merged": """from transformers import AutoModelForCausalLM, AutoTokenizer

source = {source}
model = AutoModelForCausalLM.from_pretrained(source)""",
    "adapter": """from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

source = {source}
model = AutoPeftModelForCausalLM.from_pretrained(source)""",
    "tiny adapter": """from course_lib.models import load_model  # the base model ships with the course
from peft import PeftModel
from transformers import AutoTokenizer

source = {source}
model = PeftModel.from_pretrained(load_model("tiny"), source)""",
}
ASKING = """
tokenizer = AutoTokenizer.from_pretrained(source)
instruction = {instruction}
question = {question}
messages = {earlier}[{{"role": "user", "content": f"{{instruction}}\\n\\n{{question}}"}}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
output = model.generate(**inputs.to(model.device), do_sample=False, max_new_tokens={limit})
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))"""


@dataclass(frozen=True)
class Push:
    """What was prepared (``folder``), where it went (``url``, ``None`` for a dry run), and a line of Markdown that
    links to it from a README of one's own (``badge``)."""

    folder: Path
    url: str | None
    badge: str


def load_snippet(source: str, preset: Preset, kind: str) -> str:
    """Code that loads a pushed model from ``source`` and asks it one question. ``kind``: ``merged`` or ``adapter``."""
    row = EXAMPLES[preset.kind][0]
    options = row.get("options")
    *earlier, _ = build_prompt(row["question"], kind=preset.kind, options=options, style=preset.style)
    loading = LOADING["tiny adapter" if (kind, preset.model) == ("adapter", "tiny") else kind]
    return loading.format(source=json.dumps(source)) + ASKING.format(
        instruction=json.dumps(instruction(kind=preset.kind, style=preset.style)),
        question=json.dumps(with_options(row["question"], options), ensure_ascii=False),
        earlier=pformat(earlier, width=110, sort_dicts=False) + " + " if earlier else "",
        limit=preset.max_completion_length,
    )


def eval_results(results: dict, preset: Preset) -> list[EvalResult]:
    """The trained model's rates as the Hub's metadata has them: one entry for each measure and way of decoding."""
    from huggingface_hub import EvalResult

    hub = TASKS[preset.task].hub if preset.task in TASKS else ""
    measures = ("accuracy", "format", *(["score"] if preset.kind == "rubric" else []))
    return [
        EvalResult(
            task_type="text-generation",
            dataset_type=hub or preset.task,
            dataset_name=preset.task,
            dataset_split="test",
            metric_type=measure,
            metric_name=f"{measure}, {strategy}, {results['n']} problems",
            metric_value=rates[measure],
        )
        for strategy, rates in results["after"].items()
        for measure in measures
        if rates.get(measure) is not None
    ]


def model_card(repo_id: str, results: dict, record: dict, kind: str) -> ModelCard:
    """The card of an export. ``results``: chapter 7's ``results.json``; ``record``: chapter 6's ``run.json``."""
    from huggingface_hub import ModelCard, ModelCardData
    from jinja2 import Environment, StrictUndefined

    preset, title = Preset(**record["preset"]), repo_id.rsplit("/", 1)[-1]
    on_hub = "/" in preset.model
    licence = "apache-2.0" if preset.model == "tiny" else "gemma" if "gemma" in preset.model.lower() else "other"
    task = TASKS.get(preset.task)
    data = ModelCardData(
        model_name=title,
        base_model=preset.model if on_hub else None,
        license=licence,
        language="en",
        library_name="peft" if kind == "adapter" else "transformers",
        pipeline_tag="text-generation",
        tags=["grpo", "trl", "reasoning", "gemma3"],
        datasets=[task.hub] if task and task.hub else None,
        eval_results=eval_results(results, preset),
    )
    base = f"[{preset.model}](https://huggingface.co/{preset.model})" if on_hub else preset.model
    if preset.model == "tiny":
        size = f"{shape_of('tiny').parameters:,} parameters"
        base = f"the tiny model of the course *Teaching Gemma 3 to Reason with GRPO* ({size}, trained from scratch)"
    source = f"`{preset.task}`, {task.about} ({task.source})" if task else f"a file of its author's, `{preset.data}`"
    text = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(TEMPLATE.read_text("utf-8"))
    content = text.render(
        title=title,
        summary=f"A model that GRPO has taught to reason before it answers. It started as {base}.",
        usage=f"This repository holds {'the LoRA adapter alone' if kind == 'adapter' else 'the whole, merged model'}.",
        snippet=load_snippet(repo_id, preset, kind),
        table=results_table(results),
        paired=paired_sentence(results),
        base=base,
        data=f"{source}; {preset.train_problems} training problems, which were checked to share none with the test.",
        rewards=rewards_of(record["suite"]),
        settings={name: record["preset"].get(name, getattr(preset, name)) for name in SHOWN},
        limits=limits(results),
        licence=LICENCES[licence],
        preset=preset.name,
        results=results,
        suite=record["suite"],
        machine=record["machine"],
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{content}")


def validate_card(path: Path) -> ModelCard:
    """Read a card back as the Hub's own client does. Raises ``ExportError`` if its results cannot be read.

    (The Hub checks the metadata once more when a card is pushed; that takes the network.)
    """
    from huggingface_hub import ModelCard

    try:
        card = ModelCard.load(path)
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} is not a model card that the Hub can read: {error}") from error
    if not card.data.license or not card.data.eval_results:
        raise ExportError(f"{path} lacks {'results' if card.data.license else 'a licence'} in its metadata")
    return card


def _public(name: str) -> str:
    """A model's or file's name without the path that it has on this machine; a name on the Hub as it is."""
    local = name.startswith((".", "/", "~")) or "\\" in name or Path(name).exists()
    return Path(name.replace("\\", "/")).name if local else name


def prepare_push(export: Path, repo_id: str, results: dict, record: dict, folder: Path) -> Path:
    """Write into ``folder`` exactly what a push would upload: the export, its card, the results, the settings.

    Paths of this machine are left out. Raises ``ExportError`` for a name or an export that cannot be pushed.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ExportError(f"{repo_id!r} cannot be a repository's name: {error}") from error
    kind = "adapter" if (export / "adapter_config.json").is_file() else "merged"
    if kind == "merged" and not (export / "config.json").is_file():
        raise ExportError(f"{export} holds neither an adapter nor a merged model; export one first")
    told = [(part["steps"], part["seed"], part["train_seconds"]) for part in (results, record)]
    if told[0] != told[1]:
        raise ExportError("results.json and run.json are of two training runs; run chapter 7 again, for this adapter")
    public = {name: _public(record["preset"].get(name, "")) for name in ("model", "data")}
    record = {**record, "preset": {**record["preset"], **public}}
    results = {**results, "model": public["model"]}
    card = model_card(repo_id, results, record, kind)
    with whole_folder(folder) as fresh:
        shutil.copytree(export, fresh, dirs_exist_ok=True)
        card.save(fresh / "README.md")
        if kind == "adapter":
            config = fresh / "adapter_config.json"
            write_json(config, read_json(config) | {"base_model_name_or_path": public["model"]})
        write_json(fresh / "results.json", results)
        write_json(fresh / "training.json", record)
        write_checksums(fresh)
        if validate_card(fresh / "README.md").data.eval_results != card.data.eval_results:
            raise ExportError("the card's results do not survive being written and read again")
    return folder


def push_to_hub(
    export: Path,
    repo_id: str,
    results: dict,
    record: dict,
    folder: Path,
    dry_run: bool = True,
    private: bool = True,
) -> Push:
    """Prepare a repository in ``folder`` (see ``prepare_push``) and, unless ``dry_run``, upload it.

    The token comes from the environment variable ``HF_TOKEN`` and is never shown; ``HF_ENDPOINT`` names another Hub.
    Raises ``ExportError`` when the Hub cannot be reached or refuses; what was prepared stays where it is.
    """
    prepare_push(export, repo_id, results, record, folder)
    badge = f"{BADGE}(https://huggingface.co/{repo_id})"
    if dry_run:
        return Push(folder, None, badge)
    from httpx import HTTPError
    from huggingface_hub import HfApi

    token = os.environ.get(TOKEN)
    if not token:
        raise ExportError(f"no token: set {TOKEN} to one that may write to {repo_id}. {folder} is ready to be pushed")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    try:
        url = api.create_repo(repo_id, private=private, exist_ok=True)
        api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Model, card and results")
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).replace(token, "(token)").split())
        raise ExportError(
            f"the push to {api.endpoint} failed ({type(error).__name__}: {said}). What was prepared is in {folder}; "
            f"look at the network and at what the token may do, then call it again"
        ) from None
    return Push(folder, str(url), badge)
