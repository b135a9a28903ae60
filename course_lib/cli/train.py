"""``python -m course_lib train``: the settings from a preset, a config file and the command line, in this order."""

from __future__ import annotations

import shlex
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from pathlib import Path

from course_lib.artifacts import Run, runs_dir
from course_lib.cli.options import whole
from course_lib.cli.presets import differences
from course_lib.config import KINDS, build, from_text, read_config
from course_lib.errors import SettingError
from course_lib.presets import Preset, get_preset


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="JSON or YAML: the fields to change, or a whole preset")
    parser.add_argument("--preset", metavar="NAME", help="where to start from (default: $COURSE_PRESET, else laptop)")
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1), default=0, help="of the problems' order and of sampling (default: 0)"
    )
    parser.add_argument("--output", metavar="DIR", help="where to write (default: runs/<name>/06_training)")
    parser.add_argument("--dry-run", action="store_true", help="print what would run, and stop")
    group = parser.add_argument_group("fields of the preset")
    for name, kind in KINDS.items():
        flag = {"nargs": "?", "const": "true"} if kind == "bool" else {}
        group.add_argument(f"--{name.replace('_', '-')}", dest=f"field_{name}", metavar=kind, default=SUPPRESS, **flag)


def settings(args: Namespace) -> tuple[Preset, Preset]:
    """The preset to start from, and the one to run. Raises ``SettingError``."""
    base, changes = read_config(args.config) if args.config else ("auto", {})
    if args.preset and base not in ("auto", args.preset):
        raise SettingError(f"{args.config} starts from {base!r}, --preset says {args.preset!r}: leave one of them out")
    base = args.preset or base
    given = {name: getattr(args, f"field_{name}") for name in KINDS if hasattr(args, f"field_{name}")}
    for name, text in given.items():
        try:
            changes[name] = from_text(name, text)
        except SettingError as error:
            raise SettingError(f"--{name.replace('_', '-')}: {error}") from None
    try:
        return get_preset(base), build(base, changes)
    except SettingError as error:
        raise SettingError(f"{args.config}: {error}" if args.config else str(error)) from None


def plan(base: Preset, preset: Preset, seed: int, folder: Path) -> str:
    """What is going to run, in words."""
    lines = [f"preset {base.name}: {base.about}"]
    lines += [f"  {line}" for line in differences(base, preset).splitlines()]
    lines += [f"warning: {warning}" for warning in preset.warnings()]
    lines.append(
        f"{preset.steps} steps of {preset.prompts_per_step} x {preset.group_size} completions with model "
        f"{preset.model}, task {preset.task}, suite {preset.suite_name}, seed {seed}"
    )
    if base.settings() == preset.settings() and preset.minutes:
        lines.append(f"expected: {preset.minutes:g} minutes, {preset.memory_gb:g} GB ({preset.known_from})")
    return "\n".join([*lines, f"to: {folder}"])


def run(args: Namespace) -> int:
    base, preset = settings(args)
    folder = Path(args.output) if args.output else runs_dir() / preset.name / "06_training"
    print(plan(base, preset, args.seed, folder), flush=True)
    if args.dry_run:
        return 0
    try:
        _train(preset, args.seed, folder, not args.output)
    except KeyboardInterrupt:
        again = shlex.join(["python", "-m", "course_lib", *sys.argv[1:]])
        print(f"\nInterrupted. The same command goes on from the last checkpoint: {again}", file=sys.stderr)
        return 130
    return 0


def _train(preset: Preset, seed: int, folder: Path, own: bool) -> None:
    from course_lib.backends import start_backend

    start_backend(preset)  # before TRL is imported
    from course_lib.models import load_tokenizer
    from course_lib.rewards import get_suite
    from course_lib.tasks import preset_rows
    from course_lib.training import train

    rows = preset_rows(preset, seed)["train"]
    load_tokenizer(preset.model)  # a model that is out of reach leaves nothing behind
    if own:
        Run(preset).chapter("06_training")  # which says what to do where it cannot be written
    result = train(preset, get_suite(preset.suite_name), rows, folder, seed)
    print(f"{result.steps} steps in {result.train_seconds:.0f} s; adapter: {result.adapter}, log: {result.log}")
