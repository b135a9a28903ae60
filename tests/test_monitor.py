"""The monitor stays silent on healthy runs, speaks up on runs that go wrong, recorded and made."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from course_lib.errors import CourseError
from course_lib.monitor import LENGTH, REWARD, VARIANCE, find_hacking, trend
from course_lib.plots import hacking_figure

RECORDED = Path(__file__).parents[1] / "recorded"
# Not toy_rubric: a rubric's share rises more slowly than a rate of right answers, and one seed of it is a false alarm.
HEALTHY = [
    path
    for name in ("laptop", "laptop-toy_choice")
    for path in sorted(RECORDED.glob(f"{name}/seed-*/06_training/log.csv"))
]
(FAILED,) = RECORDED.glob("learning rate */log.csv")
N = 80


def made_log(seed=0, reward=(1.0, 1.0), accuracy=(0.5, 0.5), length=(40, 40), form=(0.5, 0.5), zero_std=0.1):
    """A log in which each quantity goes in a straight line from one value to another, with noise."""
    rng = np.random.default_rng(seed)

    def line(ends, noise, top=np.inf):
        return np.clip(np.linspace(*ends, N) + rng.normal(0, noise, N), 0, top)

    return pd.DataFrame(
        {
            "step": range(1, N + 1),
            "reward": line(reward, 0.05),
            "reward_std": 0.3,
            "frac_reward_zero_std": zero_std,
            "mean_length": line(length, 3),
            "step_time": 1.0,
            "correctness_reward": line(accuracy, 0.05, 1.0),
            "format_reward": line(form, 0.05, 1.0),
        }
    )


def found(log: pd.DataFrame, **options) -> set[str]:
    return set(find_hacking(log, **options)["finding"])


@pytest.mark.parametrize("path", HEALTHY, ids=lambda p: "-".join(p.parts[-4:-2]))
def test_healthy_recorded_runs_give_no_finding(path):
    """With the default window; ten steps are too few to tell a trend of these runs from noise."""
    assert found(pd.read_csv(path)) == set()


def test_there_are_healthy_recorded_runs():
    assert len(HEALTHY) >= 3


def test_the_recorded_failure_is_found():
    findings = find_hacking(pd.read_csv(FAILED)).set_index("finding")
    assert {VARIANCE, LENGTH} <= set(findings.index)
    collapsed = findings.loc[VARIANCE]
    assert collapsed["last_step"] == 80 and collapsed["first_step"] < 20
    assert "correctness_reward" in collapsed["evidence"]


@pytest.mark.parametrize(
    ("path", "finding"), [("controls/constant.csv", VARIANCE), ("learned_reward/06_training/log.csv", REWARD)]
)
def test_recorded_runs_with_rewards_that_mislead_are_found(path, finding):
    if not (RECORDED / path).exists():
        pytest.skip("not recorded yet: tools/record_runs.py")
    assert finding in found(pd.read_csv(RECORDED / path))


@pytest.mark.parametrize(
    "course",
    [
        {},
        {"accuracy": (0.2, 0.95), "reward": (0.3, 1.4), "length": (18, 50), "form": (0.1, 0.9)},  # it learns
        {"accuracy": (0.98, 0.98), "length": (40, 80), "zero_std": 0.95},  # it is solved
    ],
    ids=["nothing happens", "it learns", "it is solved"],
)
def test_noise_alone_hardly_ever_gives_a_finding(course):
    assert sum(bool(found(made_log(seed, **course))) for seed in range(40)) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_length_up_while_accuracy_is_flat(seed):
    assert found(made_log(seed, length=(40, 110))) == {LENGTH}
    assert found(made_log(seed, length=(110, 40))) == set()


@pytest.mark.parametrize("seed", range(5))
def test_reward_up_while_accuracy_falls_and_the_component_behind_it(seed):
    log = made_log(seed, reward=(0.6, 1.3), accuracy=(0.9, 0.2), form=(0.1, 1.0))
    assert found(log) == {REWARD, "format_reward up while accuracy falls"}
    assert REWARD not in found(made_log(seed, reward=(1.3, 0.6), accuracy=(0.9, 0.2)))  # both fall: no hacking


def test_variance_collapsed_before_the_task_is_solved():
    assert found(made_log(accuracy=(0.4, 0.4), zero_std=0.9)) == {VARIANCE}


def test_a_finding_says_where_and_by_how_much():
    calm, late = made_log(), made_log(length=(40, 250))
    log = pd.concat([calm.iloc[:40], late.iloc[40:]], ignore_index=True)
    (finding,) = find_hacking(log).itertuples()
    assert 20 < finding.first_step < 45 and finding.last_step > 60
    assert "mean_length" in finding.evidence and "correctness_reward 0." in finding.evidence


def test_accuracy_may_come_from_another_column():
    log = made_log(reward=(0.5, 1.4)).rename(columns={"correctness_reward": "learned_reward"})
    assert found(log) == set()  # no column says what is right
    log["graded"] = np.linspace(0.8, 0.2, N)
    assert REWARD in found(log, accuracy="graded")
    with pytest.raises(CourseError, match="no column 'nope'"):
        find_hacking(log, accuracy="nope")


def test_steps_without_a_reward_are_left_out_and_short_logs_are_refused():
    log = made_log(length=(40, 110))
    log.loc[::3, ["reward", "mean_length"]] = np.nan
    assert found(log) == {LENGTH}
    with pytest.raises(CourseError, match="too short"):
        find_hacking(made_log().head(7))
    with pytest.raises(CourseError, match="not the log"):
        find_hacking(pd.DataFrame({"step": [1]}))


def test_a_trend_ignores_single_steps():
    line = np.arange(20.0)
    assert trend(line) == pytest.approx((19.0, 0.0))
    line[[3, 11]] = 500.0, -500.0
    change, error = trend(line)
    assert change == pytest.approx(19.0, abs=0.5) and error < 0.5


def test_the_figure_shows_every_finding():
    for log in (pd.read_csv(FAILED), made_log()):
        findings = find_hacking(log)
        figure = hacking_figure(log, findings, "correctness_reward")
        labels = [label.get_text() for label in figure.axes[2].get_yticklabels()]
        assert labels == list(findings["finding"])
        assert figure.axes[0].get_ylabel() and figure.axes[2].get_xlabel() == "optimiser step"
        plt.close(figure)
