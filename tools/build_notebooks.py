"""Build everything that is generated from the text sources of the notebooks.

    python tools/build_notebooks.py               # write what is missing or stale
    python tools/build_notebooks.py --check       # write nothing, list every difference, fail if there is one
    python tools/build_notebooks.py --no-outputs  # only look for outputs in notebooks

Sources are ``notebooks/NN_name.py`` and ``solutions/NN_name.py`` (jupytext, percent format). Generated are
their ``.ipynb``, both files of each exercise, the cells with badges and bootstrap in each source, and the badges
block of README.md. CONTRACT below says what a source has to look like; ``--help`` prints it.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from notebook_badges import Repository, with_badges, with_bootstrap, with_table
from notebook_regions import (
    BEGIN,
    END,
    SourceError,
    exercise_source,
    find_regions,
    is_code,
    is_stub,
    parse,
    solution_source,
)

CONTRACT = """
What a source has to look like:
- The first cell is markdown and starts with the title, `# Part N: ...`.
- The cell after it, markdown with the tag "badges", is written by this tool.
- Exactly one cell has the tag "parameters". It sets preset = "auto" and seed = 0.
- The cell after it, with the tag "bootstrap", is written by this tool.
- No code cell has more than 30 lines of code.
- In solutions/, a code cell with the tag "exercise" has one or more regions between the lines
  `# begin solution` and `# end solution`, and ends with a call of `.check(...)`. In the exercise, a region
  becomes a NotImplementedError, or its `# stub: <code>` lines, which a region outside any function needs.
- In solutions/, a cell with the tag "solution" is left out of the exercise.
"""
ROOT = Path(__file__).resolve().parents[1]
CHAPTERS, SOLUTIONS, EXERCISES = "notebooks", "solutions", "exercises"
FOLDERS = (CHAPTERS, SOLUTIONS, EXERCISES)
LONGEST_CELL = 30
TRIVIAL = 12  # characters: a shorter line of a solution gives nothing away
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


# --- sources ------------------------------------------------------------------------------------------


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def sources(root: Path, folder: str) -> list[Path]:
    return sorted((root / folder).glob("[0-9][0-9]_*.py"))


def read_source(text: str) -> NotebookNode:
    return jupytext.reads(text, fmt="py:percent")


def check_source(notebook: NotebookNode, folder: str) -> Iterator[str]:
    """Everything in which a source breaks the contract."""
    cells = notebook.cells
    if not cells or cells[0].cell_type != "markdown" or not cells[0].source.startswith("# "):
        yield "cell 1 should be markdown and start with the title '# ...'"
    if [i for i, cell in enumerate(cells) if "badges" in tags(cell)] != [1]:
        yield "the cell after the title, and no other, should have the tag 'badges'"
    parameters = [i for i, cell in enumerate(cells) if "parameters" in tags(cell)]
    if len(parameters) != 1:
        yield f"one cell should have the tag 'parameters', not {len(parameters)}"
        return
    if not {'preset = "auto"', "seed = 0"} <= set(cells[parameters[0]].source.splitlines()):
        yield 'the parameters cell should set preset = "auto" and seed = 0'
    if [i for i, cell in enumerate(cells) if "bootstrap" in tags(cell)] != [parameters[0] + 1]:
        yield "the cell after the parameters, and no other, should have the tag 'bootstrap'"
    for number, cell in enumerate(cells, 1):
        try:
            check_cell(cell, folder)
        except SourceError as error:
            first = cell.source.split("\n")[0]
            yield f"cell {number} ({first[:50]}): {error}"


def check_cell(cell: NotebookNode, folder: str) -> None:
    own = {"exercise", "solution"} & set(tags(cell))
    if own and folder != SOLUTIONS:
        raise SourceError(f"the tag '{own.pop()}' belongs in {SOLUTIONS}/")
    if cell.cell_type != "code":
        if "exercise" in own:
            raise SourceError("the tag 'exercise' belongs to a code cell")
        return
    length = sum(map(is_code, solution_source(cell.source).split("\n")))
    if length > LONGEST_CELL:
        raise SourceError(f"{length} lines of code, the most is {LONGEST_CELL}")
    regions = find_regions(cell.source)
    if "exercise" not in own:
        if regions:
            raise SourceError(f"'{BEGIN}' outside a cell with the tag 'exercise'")
        return
    if not regions:
        raise SourceError(f"an exercise without '{BEGIN}' and '{END}'")
    match parse(cell.source).body:
        case [*_, ast.Expr(value=ast.Call(func=ast.Attribute(attr="check")))]:
            exercise_source(cell.source)
        case _:
            raise SourceError("the last statement of an exercise should be its .check(...)")


# --- generated files ----------------------------------------------------------------------------------


def make_notebook(source: NotebookNode, badges: str, exercise: bool = False) -> NotebookNode:
    """The notebook of a source: no outputs, ids by content, exercise cells blank or filled."""
    cells: list[NotebookNode] = []
    seen: Counter[str] = Counter()
    for cell in source.cells:
        if exercise and "solution" in tags(cell):
            continue
        text = cell.source
        if "badges" in tags(cell):
            text = badges
        elif "exercise" in tags(cell):
            text = exercise_source(text) if exercise else solution_source(text)
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        digest = hashlib.sha256(f"{cell.cell_type}\n{text}".encode()).hexdigest()[:12]
        seen[digest] += 1
        metadata = {key: value for key, value in cell.metadata.items() if not key.startswith("lines_to_")}
        cells.append(make(text, id=f"{digest}-{seen[digest]}", metadata=metadata))
    extra = {key: value for key, value in source.metadata.items() if key != "jupytext"}
    metadata = extra | {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)


def as_ipynb(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def as_py(notebook: NotebookNode, origin: str) -> str:
    """The percent script of a generated notebook, its header opening with where it comes from."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata["jupytext"] = {"notebook_metadata_filter": "all,-language_info"}
    text = jupytext.writes(notebook, fmt="py:percent")
    text = re.sub(
        r"^# +(notebook_metadata_filter|format_version|jupytext_version): .*\n", "", text, count=3, flags=re.M
    )
    note = f"#   # Generated from {origin} by tools/build_notebooks.py: do not edit.\n"
    return text.replace("# jupyter:\n", "# jupyter:\n" + note, 1)


def build(root: Path) -> tuple[dict[str, str], list[str]]:
    """The text of every generated file by path, and the errors of the sources that give none."""
    repository = Repository.read(root)
    files: dict[str, str] = {}
    errors: list[str] = []
    titles: dict[str, str] = {}
    exercises: set[str] = set()
    for folder in (CHAPTERS, SOLUTIONS):
        for path in sources(root, folder):
            name, origin, target = path.stem, f"{folder}/{path.name}", f"{folder}/{path.stem}.ipynb"
            badges = repository.badges(target)
            try:
                text = with_badges(path.read_text(encoding="utf-8"), badges)
                text = with_bootstrap(text, repository.bootstrap())
                source = read_source(text)
            except Exception as error:  # jupytext raises errors of many kinds
                errors.append(f"{origin}: {error}")
                continue
            problems = list(check_source(source, folder))
            errors += [f"{origin}: {problem}" for problem in problems]
            if problems:
                continue
            files[origin] = text
            files[target] = as_ipynb(make_notebook(source, badges))
            if folder == CHAPTERS:
                titles[name] = source.cells[0].source.split("\n")[0].removeprefix("# ")
            else:
                exercises.add(name)
                target = f"{EXERCISES}/{name}.ipynb"
                blank = make_notebook(source, repository.badges(target), exercise=True)
                files[target] = as_ipynb(blank)
                files[f"{EXERCISES}/{name}.py"] = as_py(blank, origin)
    if errors:  # the table would lack the parts in error
        return files, errors
    readme = root / "README.md"
    try:
        if not readme.exists():
            raise SourceError("README.md is missing")
        files["README.md"] = with_table(readme.read_text(encoding="utf-8"), repository, titles, exercises)
    except SourceError as error:
        errors.append(str(error))
    return files, errors


# --- checks -------------------------------------------------------------------------------------------


def orphans(root: Path) -> list[str]:
    """Generated files whose source is gone."""
    origin = {CHAPTERS: CHAPTERS, SOLUTIONS: SOLUTIONS, EXERCISES: SOLUTIONS}
    generated = [path for folder in FOLDERS for path in sorted((root / folder).glob("*.ipynb"))]
    generated += sorted((root / EXERCISES).glob("*.py"))
    names = {folder: {path.stem for path in sources(root, origin[folder])} for folder in FOLDERS}
    lost = [path for path in generated if path.stem not in names[path.parent.name]]
    return [f"{path.relative_to(root).as_posix()}: orphan, no source" for path in lost]


def with_outputs(root: Path) -> list[str]:
    """Notebooks that carry outputs or execution counts."""
    found = []
    for path in (path for folder in FOLDERS for path in sorted((root / folder).glob("*.ipynb"))):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells, 1):
            if cell.get("outputs") or cell.get("execution_count"):
                found.append(f"{path.relative_to(root).as_posix()}: cell {number} has outputs")
    return found


def leaks(root: Path) -> list[str]:
    """Lines of a solution region that stand in exercises/, though the sources show them nowhere else."""
    hidden: set[str] = set()
    shown: set[str] = set()
    for path in sources(root, SOLUTIONS):
        for cell in read_source(path.read_text(encoding="utf-8")).cells:
            lines = cell.source.split("\n")
            regions = find_regions(cell.source) if cell.cell_type == "code" else []
            inside = {i for region in regions for i in range(region.begin, region.end + 1)}
            hidden |= {lines[i].strip() for i in inside if not is_stub(lines[i])}
            if "solution" not in tags(cell):
                shown |= {line.strip() for i, line in enumerate(lines) if i not in inside}
            shown |= {stub.strip() for region in regions for stub in region.stubs}
    secret = {line for line in hidden - shown if len(line) > TRIVIAL}
    found = []
    for path in sorted((root / EXERCISES).glob("[0-9][0-9]_*")):
        notebook = jupytext.read(path)
        lines = {line.strip() for cell in notebook.cells for line in cell.source.split("\n")}
        found += [f"{path.relative_to(root).as_posix()}: gives away '{line}'" for line in sorted(secret & lines)]
    return found


def check(root: Path) -> list[str]:
    """Every error in a source, and every file that is missing, stale, an orphan, has outputs or leaks."""
    files, found = build(root)
    for name, text in files.items():
        path = root / name
        if not path.exists():
            found.append(f"{name}: missing")
        elif path.read_bytes() != text.encode():
            found.append(f"{name}: stale")
    found += orphans(root) + with_outputs(root)
    return found if found else leaks(root)


def write(root: Path) -> tuple[list[str], list[str]]:
    """Write what is missing or stale. Returns what was written, and the errors (orphans among them)."""
    files, errors = build(root)
    written = []
    for name, text in files.items():
        path = root / name
        if not path.exists() or path.read_bytes() != text.encode():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode())
            written.append(name)
    return written, errors + orphans(root)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=CONTRACT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail where something differs")
    parser.add_argument("--no-outputs", action="store_true", help="only fail where a notebook has outputs")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository (default: this one)")
    options = parser.parse_args(arguments)
    if options.no_outputs:
        problems = with_outputs(options.root)
    elif options.check:
        problems = check(options.root)
    else:
        written, problems = write(options.root)
        print("\n".join(f"wrote {name}" for name in written) or "nothing to write")
    for problem in problems:
        print(problem, file=sys.stderr)
    if options.check and problems:
        print("Edit the sources, then run: make notebooks", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
