"""A preset as a file: JSON or YAML, whole or only what differs from a preset that the file names as its ``base``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from course_lib.errors import SettingError
from course_lib.presets import PRESETS, Preset, get_preset
from course_lib.validation import check_type, nearest

SUFFIXES = (".json", ".yaml", ".yml")
KINDS = {field.name: field.type for field in fields(Preset)}
WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def diff(a: Preset, b: Preset) -> list[tuple[str, Any, Any]]:
    """The fields in which two presets differ: (field, its value in ``a``, its value in ``b``)."""
    pairs = ((name, getattr(a, name), getattr(b, name)) for name in KINDS)
    return [(name, one, other) for name, one, other in pairs if one != other]


def text_of(preset: Preset, suffix: str = ".yaml") -> str:
    """All fields of a preset as the text of a file."""
    if suffix == ".json":
        return json.dumps(preset.to_dict(), indent=1, ensure_ascii=False) + "\n"
    return yaml.safe_dump(preset.to_dict(), sort_keys=False, allow_unicode=True, width=120)


def save_config(preset: Preset, path: str | Path) -> Path:
    """Write all fields to a ``.json``, ``.yaml`` or ``.yml`` file; ``load_config`` gives the same preset back.

    Raises ``SettingError`` for another ending or a file that cannot be written.
    """
    path = Path(path)
    text = text_of(preset, _suffix(path))
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8", newline="\n")
        os.replace(fresh, path)  # so that a reader never sees half a file
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error.strerror}); name another file") from None
    return path


def load_config(path: str | Path) -> Preset:
    """The preset of a file. Raises ``SettingError`` naming file and field for anything that cannot be used."""
    base, changes = read_config(path)
    try:
        return build(base, changes)
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from None


def read_config(path: str | Path) -> tuple[str, dict]:
    """The base that a file starts from, and the fields that it sets.

    The base is what the file names as ``base``, else the preset that it has the ``name`` of, else ``auto``.
    """
    path = Path(path)
    loaded = _parse(path)
    if not isinstance(loaded, dict):
        raise SettingError(f"{path}: a config file holds fields with values, such as 'steps: 50'; this one does not")
    base = loaded.pop("base", None)
    if base is not None and not isinstance(base, str):
        raise SettingError(f"{path}: base must be the name of a preset, not {base!r}")
    changes = {}
    for name, value in loaded.items():
        if name not in KINDS:
            near = nearest(str(name), [*KINDS, "base"])
            raise SettingError(
                f"{path}: unknown field {name!r}{near}; `python -m course_lib presets laptop` lists them"
            )
        try:
            changes[name] = _value(name, value)
        except SettingError as error:
            raise SettingError(f"{path}: {error}") from None
    own = str(changes.get("name", ""))
    return base or (own if own.partition("-")[0] in PRESETS else "auto"), changes


def build(base: str, changes: Mapping[str, Any]) -> Preset:
    """The preset ``base`` with ``changes``. Another task, without another name, is told by the name: ``t4-race``."""
    start = get_preset(base)
    task = changes.get("task", start.task)
    if task != start.task and "name" not in changes and not changes.get("data"):
        base = f"{start.name.partition('-')[0]}-{task}"
    return get_preset(base, **changes)


def from_text(name: str, text: str) -> Any:
    """The value of a field, from a command line. Raises ``SettingError`` if the text cannot be one."""
    kind, value = KINDS[name], text
    try:
        if kind == "bool":
            value = WORDS[text.lower()]
        elif kind != "str":
            value = int(text) if kind == "int" else float(text)
    except (KeyError, ValueError):
        pass  # the text itself is refused below
    check_type(name, kind, value)
    return value


def _value(name: str, value: Any) -> Any:
    """The value of a field, from a file. YAML takes ``1e-3`` for a text; in a number's field it is a number."""
    if KINDS[name] == "float" and isinstance(value, str):
        return from_text(name, value)
    check_type(name, KINDS[name], value)
    return float(value) if KINDS[name] == "float" else value


def _suffix(path: Path) -> str:
    if path.suffix.lower() not in SUFFIXES:
        raise SettingError(f"{path}: a config file ends in {', '.join(SUFFIXES)}")
    return path.suffix.lower()


def _parse(path: Path) -> Any:
    suffix = _suffix(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text) if suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}") from None
    except (
        ValueError,
        RecursionError,
        LookupError,
        AttributeError,
        TypeError,
        yaml.YAMLError,
    ) as error:  # PyYAML's too
        told = " ".join(str(error).split())
        raise SettingError(f"{path} is not {'JSON' if suffix == '.json' else 'YAML'}: {told}") from None
