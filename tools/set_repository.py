"""Point every badge and bootstrap cell at a repository: python tools/set_repository.py owner/name [--branch main]"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import build_notebooks


def set_repository(root: Path, repository: str, branch: str | None = None) -> None:
    """Write the setting ``[tool.course]`` of pyproject.toml. ValueError for a name that is not owner/name."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"a repository is called owner/name, not {repository!r}")
    path = root / "pyproject.toml"
    before, header, section = path.read_text(encoding="utf-8").partition("[tool.course]\n")
    if not header:
        raise ValueError("pyproject.toml has no section [tool.course]")
    for key, value in {"repository": repository, "branch": branch}.items():
        if value:
            section = re.sub(rf'^{key} = ".*"$', f'{key} = "{value}"', section, count=1, flags=re.MULTILINE)
    path.write_text(before + header + section, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", help="owner/name on GitHub")
    parser.add_argument("--branch", help="the branch or tag that is opened and installed (default: unchanged)")
    parser.add_argument("--root", type=Path, default=build_notebooks.ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        set_repository(options.root, options.repository, options.branch)
    except ValueError as error:
        parser.error(str(error))
    return build_notebooks.main(["--root", str(options.root)])


if __name__ == "__main__":
    sys.exit(main())
