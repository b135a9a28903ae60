"""Make the virtual environment and install the pinned requirements; says what to do when that cannot work.

Written so that an old Python can read it too: it must be able to say that it is too old.
"""

# ruff: noqa: UP031 - an old Python cannot read the newer form

import os
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
SPACE_GB = 4


def version_of(command):
    """(3, 12) for "python3.12" if it is there and runs, else None."""
    code = "import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1])"
    try:
        out = subprocess.check_output([command, "-c", code], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(int(part) for part in out.split())


def find_python():
    """This Python, or else the newest on the PATH that the course supports."""
    names = [sys.executable] + ["python3.%d" % minor for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    for name in names:
        found = version_of(name)
        if found and OLDEST <= found <= NEWEST:
            return name
    sys.exit(
        "The course needs Python %d.%d to %d.%d with the venv module; this is Python %d.%d (%s).\n"
        "Install one of these and name it: make run PYTHON=python3.12\n"
        "(on Debian and Ubuntu: apt install python3-venv as well)."
        % (OLDEST + NEWEST + tuple(sys.version_info[:2]) + (sys.executable,))
    )


def check_space(folder):
    free = shutil.disk_usage(folder).free / 1e9
    if free < SPACE_GB:
        sys.exit(
            "The disk is too full: %.1f GB free in %s, about %d GB are needed.\n"
            "Free some space, or clone the course to another disk, and run the same command again."
            % (free, folder, SPACE_GB)
        )


def main():
    venv = os.path.abspath(sys.argv[1])
    python = find_python()
    if not os.path.exists(os.path.join(venv, "bin", "python")):
        check_space(os.path.dirname(venv))
        print("Making %s with %s" % (venv, python))
        subprocess.check_call([python, "-m", "venv", venv])
    pip = [os.path.join(venv, "bin", "python"), "-m", "pip", "install", "--quiet"]
    print("Installing the pinned packages (one to a few minutes, about 2 GB with a CPU build of torch)")
    try:
        subprocess.check_call(pip + ["-r", "requirements.txt"])
        subprocess.check_call(pip + ["--no-deps", "--editable", "."])
    except subprocess.CalledProcessError:
        check_space(os.path.dirname(venv))
        sys.exit(
            "Installing failed; pip's message is above. With no network at all nothing can be installed;\n"
            "otherwise run the same command again: what is already there is kept."
        )


if __name__ == "__main__":
    main()
