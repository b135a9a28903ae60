"""Does every keyword that the course passes to TRL, transformers, PEFT and Unsloth still exist?

    python tools/drift.py            # against the versions that are installed
    python tools/drift.py --newest   # against the newest ones, in an environment that is thrown away afterwards

The calls are found in the sources. A name is followed to its import (``GRPOConfig(...)``,
``AutoTokenizer.from_pretrained(...)``). A method of an object (``model.generate(...)``) may belong to any class in
``OBJECTS`` that has it, or to the course itself; an object that is called (``tokenizer(...)``) to those that have the
methods which the file calls on it.

What is checked is that there is a parameter of that name; where there is ``**kwargs``, see ``known_names``. Values are
not checked, and of ``**options`` only what the same file says in ``options = dict(...)``.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import importlib.util
import inspect
import subprocess
import sys
import tempfile
import textwrap
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ("course_lib/**/*.py", "tools/*.py", "notebooks/*.py", "solutions/*.py", "tests/unsloth_steps.py")
PACKAGES = ("trl", "transformers", "peft")
# The classes of the objects that the course holds.
OBJECTS = (
    "transformers.Gemma3ForCausalLM",
    "transformers.Gemma3ForSequenceClassification",
    "transformers.PreTrainedTokenizerFast",
    "peft.PeftModelForCausalLM",
    "peft.LoraModel",
    "trl.GRPOTrainer",
    "trl.RewardTrainer",
)
# Where these hand their **kwargs on to, by the end of a function's name.
PASSED_ON = {
    "AutoModelClass.from_pretrained": ("transformers.PreTrainedModel.from_pretrained",),
    "PreTrainedModel.from_pretrained": ("transformers.Gemma3TextConfig",),  # what is left over goes into the config
    "AutoTokenizer.from_pretrained": ("transformers.PreTrainedTokenizerBase.from_pretrained",),
    "TokenizerBase.from_pretrained": ("transformers.PreTrainedTokenizerBase",),
    "TextIteratorStreamer": ("transformers.PreTrainedTokenizerBase.decode",),
    "PeftModelForCausalLM.generate": ("transformers.GenerationMixin.generate",),
    "GenerationMixin.generate": ("transformers.GenerationConfig", "transformers.Gemma3ForCausalLM.forward"),
    "ForCausalLM.forward": ("transformers.Gemma3Model.forward",),
    "ForSequenceClassification.forward": ("transformers.Gemma3ForCausalLM.forward",),
}
# Unsloth's functions for a GPU, which cannot be imported without one, so their sources are read.
UNSLOTH = {
    "unsloth.FastModel.from_pretrained": ("unsloth/models/loader.py", "FastModel", "from_pretrained"),
    "unsloth.FastModel.get_peft_model": ("unsloth/models/vision.py", "FastBaseModel", "get_peft_model"),
    ".save_pretrained_merged": ("unsloth/save.py", "unsloth_save_pretrained_merged"),
    ".save_pretrained_gguf": ("unsloth/save.py", "unsloth_save_pretrained_gguf"),
}


@dataclass(frozen=True)
class Call:
    """A call with keywords. ``name`` is a dotted path, ``.method``, or ``()`` for an object that is called itself."""

    place: str
    name: str
    keywords: tuple[str, ...]
    methods: tuple[str, ...] = ()  # for ``()``: what the file calls on that object


def dotted(node: ast.expr) -> str | None:
    """``"a.b.c"`` for names and attributes, ``None`` for anything else."""
    if isinstance(node, ast.Attribute):
        return (before := dotted(node.value)) and f"{before}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def dict_keys(node: ast.expr) -> list[str]:
    """The keys of ``dict(a=1)`` and of ``{"a": 1}``."""
    if isinstance(node, ast.Call) and dotted(node.func) == "dict":
        return [k.arg for k in node.keywords if k.arg]
    return [k.value for k in node.keys if isinstance(k, ast.Constant)] if isinstance(node, ast.Dict) else []


def find_calls(source: str, file: str) -> Iterator[Call]:
    """The calls with keywords whose name leads to one of the packages, or to an object of unknown class."""
    nodes = list(ast.walk(ast.parse(source)))
    paths, dicts, used = {}, {}, {}
    for node in nodes:
        if isinstance(node, ast.Import):
            paths |= {
                a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            paths |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            paths.setdefault(node.name, "the file's own")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            dicts[node.targets[0].id] = dict_keys(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            used.setdefault(dotted(node.func.value), set()).add(node.func.attr)
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        spread = [k.value for k in node.keywords if not k.arg]
        keywords = [k.arg for k in node.keywords if k.arg]
        keywords += [key for value in spread for key in dicts.get(dotted(value)) or dict_keys(value)]
        place, name = f"{file}:{node.lineno}", dotted(node.func)
        root, _, rest = (name or "").partition(".")
        if not keywords:
            continue
        if root in paths:
            if paths[root].split(".")[0] in (*PACKAGES, "unsloth"):
                yield Call(place, f"{paths[root]}.{rest}".rstrip("."), tuple(keywords))
        elif isinstance(node.func, ast.Attribute) and node.func.attr != "__init__":
            yield Call(place, f".{node.func.attr}", tuple(keywords))
        elif used.get(name):
            yield Call(place, "()", tuple(keywords), tuple(used[name]))


def resolve(path: str):
    """The object of a dotted path. Raises ``AttributeError`` or ``ImportError`` when it is not there (any more)."""
    package, *parts = path.split(".")
    found = importlib.import_module(package)
    for i, part in enumerate(parts, 1):
        if inspect.ismodule(found) and not hasattr(found, part):
            importlib.import_module(".".join([package, *parts[:i]]))
        found = getattr(found, part)
    return found


def known_names(function: Callable) -> set[str]:
    """The keywords that a function or class is known to take.

    Behind ``**kwargs`` these are the keys of a ``TypedDict`` in its annotation, what the function's own source takes
    out of ``kwargs``, the properties of a class that can be set, and the names known to the functions in ``PASSED_ON``.
    """
    names, rest = set(), None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = parameter
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            names.add(parameter.name)
    if inspect.isclass(function):
        names |= {name for name, member in inspect.getmembers(function) if getattr(member, "fset", None)}
        names |= set(getattr(function, "SPECIAL_TOKENS_ATTRIBUTES", ()))  # of a tokenizer
    if rest is None:
        return names
    for inner in typing.get_args(rest.annotation):
        names |= set(getattr(inner, "__annotations__", ()))
    names |= taken_from(function, rest.name)
    for end, others in PASSED_ON.items():
        if function.__qualname__.endswith(end):
            names = names.union(*(known_names(resolve(other)) for other in others))
    return names


def taken_from(function: Callable, kwargs: str) -> set[str]:
    """The names in ``kwargs.pop("a")``, ``kwargs.get("a")``, ``kwargs["a"]`` and ``"a" in kwargs`` in a source."""
    bodies = [function]
    if inspect.isclass(function):
        bodies = [c.__init__ for c in function.__mro__ if inspect.isfunction(vars(c).get("__init__"))]
    bodies = [body for body in map(inspect.unwrap, bodies) if body.__code__.co_filename != "<string>"]  # a dataclass's
    found = []
    for node in ast.walk(ast.parse("\n".join(textwrap.dedent(inspect.getsource(body)) for body in bodies))):
        if isinstance(node, ast.Call) and dotted(node.func) in (f"{kwargs}.pop", f"{kwargs}.get"):
            found.append(node.args[0])
        elif isinstance(node, ast.Subscript) and dotted(node.value) == kwargs:
            found.append(node.slice)
        elif isinstance(node, ast.Compare) and dotted(node.comparators[0]) == kwargs:
            found.append(node.left)
    return {node.value for node in found if isinstance(node, ast.Constant)}


def parameters(node: ast.FunctionDef) -> set[str]:
    return {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}


def unsloth_names(name: str, site: Path) -> set[str]:
    """The parameters of one of Unsloth's functions, read from its source below ``site``; ``KeyError`` for others."""
    file, *path = UNSLOTH[name]
    node = ast.parse((site / file).read_text(encoding="utf-8"))
    for part in path:
        node = next(n for n in node.body if getattr(n, "name", None) == part)
    return parameters(node)


class Checker:
    """Checks calls against the installed packages, and Unsloth's below ``site`` (not at all without one)."""

    def __init__(self, site: Path | None, own: dict[str, list[set[str]]]):
        self.site, self.own, self.classes = site, own, [resolve(path) for path in OBJECTS]

    def candidates(self, call: Call) -> list[set[str]]:
        """The sets of keywords of which one must hold all of the call's; none for a call that is no package's."""
        if call.name in UNSLOTH or call.name.startswith("unsloth."):
            return [unsloth_names(call.name, self.site)] if self.site else []
        if call.name == "()":
            owners = [c for c in self.classes if all(hasattr(c, method) for method in call.methods)]
            return [known_names(getattr(c, "forward", None) or c.__call__) for c in owners]
        if not call.name.startswith("."):
            return [known_names(resolve(call.name))]
        method = call.name[1:]
        found = [getattr(c, method) for c in self.classes if hasattr(c, method)]
        found = [f for f in found if getattr(f, "__module__", "").split(".")[0] in PACKAGES]
        other = [set(inspect.signature(bytes.decode).parameters)] if method == "decode" else []
        return [known_names(f) for f in found] + self.own.get(method, []) + other if found else []

    def problem(self, call: Call) -> str | None:
        """What is wrong with a call; ``""`` if nothing is, ``None`` if there was nothing to check it against."""
        try:
            sets = self.candidates(call)
        except (AttributeError, ImportError, KeyError, StopIteration, OSError) as error:
            return f"{call.place}: {call.name} cannot be found ({type(error).__name__}: {error})"
        if not sets:
            return None
        unknown = min((set(call.keywords) - names for names in sets), key=len)
        return f"{call.place}: {call.name} takes no {', '.join(sorted(unknown))}" if unknown else ""


def course_sources() -> dict[str, str]:
    """The sources of the course by path."""
    files = sorted(path for pattern in SOURCES for path in ROOT.glob(pattern))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in files}


def check(sources: dict[str, str], site: Path | None) -> tuple[list[Call], list[str]]:
    """The calls that were checked, and what is wrong."""
    own: dict[str, list[set[str]]] = {}
    for text in sources.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                own.setdefault(node.name, []).append(parameters(node))
    checker = Checker(site, own)
    found = {call: checker.problem(call) for file, text in sources.items() for call in find_calls(text, file)}
    return [call for call in found if found[call] is not None], [problem for problem in found.values() if problem]


def unsloth_site() -> Path | None:
    """Where Unsloth is installed, here or in the environment that the tests run it in."""
    spec = importlib.util.find_spec("unsloth")
    if spec:
        return Path(spec.origin).parents[1]
    return next((path.parent for path in ROOT.glob(".venv-unsloth/lib/python*/site-packages/unsloth")), None)


def newest() -> int:
    """The same check in a new environment with the newest packages on top of this one's. Returns its exit status."""
    from make_extra_venv import install, make

    with tempfile.TemporaryDirectory() as folder:
        python = make(Path(folder) / "venv")
        print(f"Installing the newest {', '.join(PACKAGES)} for this check alone; pip will name the pins", flush=True)
        install(python, "--upgrade", *PACKAGES)
        return subprocess.run([python, __file__], check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--newest", action="store_true", help="check against the newest versions (downloads them)")
    if parser.parse_args().newest:
        return newest()
    site = unsloth_site()
    calls, problems = check(course_sources(), site)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    print(f"{len(calls)} calls against {versions}; Unsloth: {site or 'not installed, its calls were left out'}")
    print("\n".join(problems) or "Every keyword is there.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
