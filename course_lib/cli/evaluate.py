"""``python -m course_lib evaluate``: base model against trained model on the same held-out problems."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from course_lib.cli.presets import find


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--preset", default="laptop", help="a preset or a config file (default: %(default)s)")
    parser.add_argument("--checkpoint", default="trained", help="an adapter's folder (default: the preset's own)")
    parser.add_argument("--num-samples", type=int, help="held-out problems (default: as the preset says)")
    parser.add_argument("--device", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results as JSON")


def run(args: Namespace) -> int:
    from course_lib.artifacts import read_json, write_json
    from course_lib.assistant import Assistant, trained_adapter
    from course_lib.evaluation import measure, results
    from course_lib.models import machine
    from course_lib.summary import paired_sentence, results_table
    from course_lib.tasks import load_rows

    preset = find(args.preset)
    if args.num_samples is not None:
        preset = replace(preset, eval_problems=args.num_samples)
    folder = trained_adapter(preset) if args.checkpoint == "trained" else Path(args.checkpoint)
    record = folder.parent / "run.json"
    trained_for = read_json(record) if record.is_file() else {"steps": None, "train_seconds": None}
    rows = load_rows(preset.task, "test", preset.eval_problems, path=preset.data or None)
    tables = []
    for checkpoint in ("base", str(folder)):
        assistant = Assistant(checkpoint, preset, args.device)
        print(f"measuring {assistant.name} on {len(rows)} problems of {preset.task}")
        tables.append(measure(assistant.model, assistant.tokenizer, rows, preset, args.seed))
    found = results(preset, args.seed, trained_for["steps"], trained_for["train_seconds"], *tables)
    print(f"\n{results_table(found)}\n\n{paired_sentence(found)}")
    if args.output:
        print(f"written: {write_json(args.output, {**found, 'machine': machine()})}")
    return 0
