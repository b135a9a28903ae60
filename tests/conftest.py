"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["COURSE_BACKEND"] = "transformers"  # whatever is installed; for what a test starts, too

DATA = Path(__file__).parent / "data"


@pytest.fixture
def offline(monkeypatch):
    """The Hub's real client, told that there is no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)


@pytest.fixture
def made_data(monkeypatch):
    """Small made data in the schema of the public data sets, in the place of ``COURSE_DATA``."""
    monkeypatch.setenv("COURSE_DATA", str(DATA))
    return DATA


@pytest.fixture
def hub_folder(tmp_path, monkeypatch):
    """Makes a local data set that ``datasets.load_dataset`` reads as it reads one of the Hub.

    ``make({config: {split: rows}})`` writes Parquet files and the card that lists them, and returns its folder.
    """
    from datasets import Dataset

    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "hub"

    def make(configs: dict[str, dict[str, list[dict]]]) -> str:
        card = ["---", "configs:"]
        for config, splits in configs.items():
            card += [f"- config_name: {config}", "  data_files:"]
            for split, rows in splits.items():
                (folder / config).mkdir(parents=True, exist_ok=True)
                Dataset.from_list(rows).to_parquet(folder / config / f"{split}-00000-of-00001.parquet")
                card += [f"  - split: {split}", f"    path: {config}/{split}-*"]
        (folder / "README.md").write_text("\n".join([*card, "---", ""]))
        return str(folder)

    return make


def pytest_terminal_summary(terminalreporter):
    """The hack table of every suite, once, at the end of a run that had the tests of hacks in it."""
    reports = [r for key in ("passed", "failed") for r in terminalreporter.stats.get(key, [])]
    if not any("test_hacks.py" in report.nodeid for report in reports):
        return
    from course_lib.hacks import hack_table
    from course_lib.rewards import SUITES

    for suite in SUITES.values():
        weights = ", ".join(f"{name} {weight:g}" for name, weight in zip(suite.names, suite.weights, strict=True))
        terminalreporter.section(f"hacks against the suite {suite.name}")
        terminalreporter.write_line(f"{weights}; mean raw values, totals in points, margin of the honest answer")
        table = hack_table(suite).round(2).rename(columns=lambda name: name.removesuffix("_reward"))
        terminalreporter.write_line(table.to_string(index=False))
