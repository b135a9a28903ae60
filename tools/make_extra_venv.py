"""Make an environment of its own for a tool that does not go together with the course's packages.

``.venv/bin/python tools/make_extra_venv.py .venv-lm-eval requirements-lm-eval.txt``: it sees the course's packages and
holds, in front of them, those of the requirements. Nothing in the course's own environment is changed. What follows
the requirements is handed on to pip (``--no-deps`` for Unsloth, whose other dependencies are for GPUs).
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def make(folder: Path) -> Path:
    """A new environment in ``folder`` that sees the packages of this one; returns its Python."""
    venv.create(folder, clear=True, with_pip=False, symlinks=os.name != "nt")
    scheme = {"base": str(folder), "platbase": str(folder)}
    here, there = sysconfig.get_path("purelib"), Path(sysconfig.get_path("purelib", "venv", vars=scheme))
    (there / "course.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return Path(sysconfig.get_path("scripts", "venv", vars=scheme)) / Path(sys.executable).name


def install(python: Path, *arguments: str) -> None:
    """pip of this environment, for that one. Ends the program with what to do when it fails."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-compile", *arguments]
    if subprocess.run(command, check=False).returncode:
        sys.exit(
            "Installing failed; pip's message is above. Without a network nothing can be installed: run the same\n"
            "command again where there is one. The course itself works without; `make check` leaves these tests out."
        )


if __name__ == "__main__":
    target, pins, *options = sys.argv[1:]
    print(f"Making {target} with the packages of {sys.prefix} and, in front of them, those of {pins}")
    install(make(Path(target).absolute()), *options, "-r", pins)
