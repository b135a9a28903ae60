"""Make the environment that the tests run Unsloth in: the course's own packages, and Unsloth on top of them.

``.venv/bin/python tools/make_unsloth_venv.py .venv-unsloth`` (or ``make unsloth``). What Unsloth depends on beyond the
course's packages is for GPUs, so it is left out: its CPU code runs without.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

PINS = Path(__file__).parents[1] / "requirements-unsloth.txt"


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
    target = Path(sys.argv[1]).absolute()
    print(f"Making {target} with the packages of {sys.prefix} and Unsloth (about 30 MB to download)")
    install(make(target), "--no-deps", "-r", str(PINS))
