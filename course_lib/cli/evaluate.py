"""``python -m course_lib evaluate``: base model against trained model on the same held-out problems."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace

from course_lib.cli.benchmark import MOST_SAMPLES
from course_lib.cli.options import add_device, add_output, add_preset, add_seed, whole


def add_arguments(parser: ArgumentParser) -> None:
    add_preset(parser)
    parser.add_argument(
        "--checkpoint", default="trained", help="an adapter's or a run's folder (default: the preset's own)"
    )
    parser.add_argument(
        "--num-samples", type=whole(1, MOST_SAMPLES), help="held-out problems (default: as the preset says)"
    )
    add_device(parser)
    add_seed(parser)
    add_output(parser)


def run(args: Namespace) -> int:
    from course_lib.artifacts import read_json, write_json
    from course_lib.assistant import Assistant, find_checkpoint
    from course_lib.errors import SettingError
    from course_lib.evaluation import measure, results
    from course_lib.models import machine
    from course_lib.summary import paired_sentence, results_table
    from course_lib.tasks import load_rows

    preset = args.preset
    if args.num_samples is not None:
        preset = replace(preset, eval_problems=args.num_samples)
    chosen = find_checkpoint(args.checkpoint, preset)
    if args.checkpoint == "base":
        raise SettingError("--checkpoint base would set the base model against itself; name another")
    record = chosen.adapter.parent / "run.json" if chosen.adapter else None
    trained = read_json(record) if record and record.is_file() else dict.fromkeys(("seed", "steps", "train_seconds"))
    rows = load_rows(preset.task, "test", preset.eval_problems, path=preset.data or None)
    tables = []
    for checkpoint in ("base", args.checkpoint):
        assistant = Assistant(checkpoint, preset, args.device)
        print(f"measuring {assistant.about}, on {len(rows)} problems of {preset.task}")
        tables.append(measure(assistant.model, assistant.tokenizer, rows, preset, args.seed))
    found = results(preset, trained["seed"], trained["steps"], trained["train_seconds"], *tables)
    print(f"\n{results_table(found)}\n\n{paired_sentence(found)}")
    if args.output:
        print(f"written: {write_json(args.output, {**found, 'machine': machine()})}")
    return 0
