"""The workflows are valid, call only make targets that exist, and use the pinned versions."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
INSTALL = "python -m pip install "


def validate(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def commands(workflow: Path) -> list[str]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    return [line.strip() for script in scripts for line in script.splitlines() if line.strip()]


def test_there_are_workflows():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "weekly.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_valid(path):
    validate("check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path))


def test_pre_commit_configuration_is_valid():
    validate("pre_commit", "validate-config", ".pre-commit-config.yaml")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_careful(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"} and "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert "timeout-minutes" in job
        for step in job["steps"]:
            assert "uses" not in step or re.fullmatch(r"[\w./-]+@v\d+", step["uses"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_calls_only_make_targets_that_exist(path):
    """What CI does, a laptop does with the same command."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):(?!=)", makefile, re.MULTILINE))
    lines = commands(path)
    words = [word for line in lines if line.startswith("make ") for word in shlex.split(line)[1:]]
    called = {word for word in words if not word.startswith("-") and "=" not in word}
    assert called and called <= targets, f"the Makefile has no target {called - targets}"
    assert all(line.startswith(("make ", INSTALL)) for line in lines)


def test_hooks_use_the_pinned_versions():
    """A hook with another version of jupytext or ruff would disagree with CI about the same file."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    wanted = {pin for hook in hooks for pin in hook.get("additional_dependencies", [])}
    lines = [line for path in ROOT.glob("requirements*.txt") for line in path.read_text().splitlines()]
    missing = wanted - {re.split(r"[;#]", line)[0].strip() for line in lines}
    assert wanted and not missing, f"not pinned like this in requirements*.txt: {sorted(missing)}"
