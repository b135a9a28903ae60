"""Results as rows of text and as sentences: what README, the report and the command line all show."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from course_lib.grading import kind_of

Rows = list[list[str]]  # header first


def percent(rate: float) -> str:
    return f"{100 * rate:.1f}"


def rate(value: float, interval: Sequence[float]) -> str:
    """A rate with its interval, in per cent: ``96.7 % (94.7 to 97.9)``."""
    return f"{percent(value)} % ({percent(interval[0])} to {percent(interval[1])})"


def markdown(rows: Rows) -> str:
    """Rows as a Markdown table that also reads well as plain text."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def result_rows(results: dict, details: dict | None = None) -> Rows:
    """Accuracy, format and length of each strategy; for a rubric its score, for numbers (with ``details``) also
    the answers within 10 %."""
    rows = [["", "base model", "trained model"]]
    for strategy in results["before"]:
        sides = (results["before"][strategy], results["after"][strategy])
        measures = ["accuracy", "format"]
        if kind_of(results["task"]) == "rubric" and None not in [side["score"] for side in sides]:
            measures.append("score")
        for measure in measures:
            rows.append(
                [f"{measure}, {strategy}", *(rate(side[measure], side[f"{measure}_interval"]) for side in sides)]
            )
        if details and (near := details[strategy]["near"]):
            cells = [rate(near[when]["rate"], near[when]["interval"]) for when in ("before", "after")]
            rows.append([f"within 10 %, {strategy}", *cells])
        rows.append([f"mean length, {strategy}", *(f"{side['mean_length']:.1f} tokens" for side in sides)])
    return rows


def results_table(results: dict) -> str:
    """The results (see ``evaluation.results``) as a Markdown table."""
    return markdown(result_rows(results))


def paired_sentence(results: dict, details: dict | None = None) -> str:
    """The paired test in words, with ``details`` also the difference and its interval."""
    paired = results["paired"]
    said = (
        f"On the same {results['n']} problems ({paired['strategy']}), {paired['fixed']} were wrong before "
        f"and right after, {paired['broken']} the reverse: exact McNemar test, p = {paired['p']:.2g}."
    )
    if details:
        found = details[paired["strategy"]]["paired"]
        low, high = found["difference_interval"]
        said += (
            f" The accuracy changed by {100 * found['difference']:+.1f} points "
            f"({100 * low:+.1f} to {100 * high:+.1f}, paired bootstrap)."
        )
    return said


def component_rows(components: Sequence[dict]) -> Rows:
    """Mean raw value of each reward before and after, and the composite: their weighted sum."""
    rows = [["component", "weight", "base model", "trained model", "improvement"]]
    for part in components:
        gain = f"{part['gain']:+.3f} ({part['low']:+.3f} to {part['high']:+.3f})"
        rows.append([part["name"], f"{part['weight']:g}", f"{part['before']:.3f}", f"{part['after']:.3f}", gain])
    return rows


def seed_rows(table: pd.DataFrame) -> Rows:
    """``metrics.over_seeds`` in per cent: means of the runs, the spread of the trained ones, the t-interval."""
    rows = [["", "base model, mean", "trained model, mean", "lowest to highest run", "95 % t-interval"]]
    for (strategy, measure), line in table.iterrows():
        ends = [f"{percent(line[a])} to {percent(line[b])}" for a, b in (("lowest", "highest"), ("low", "high"))]
        if line["lowest"] == line["highest"]:
            ends[1] = "all runs alike"  # says nothing about how much others would differ
        rows.append([f"{measure}, {strategy}", *(f"{percent(line[w])} %" for w in ("base", "trained")), *ends])
    return rows


def reading(results: dict, details: dict) -> list[str]:
    """What the figures say, sentence by sentence."""
    found = details["sampled"]
    was, now = (results[when]["sampled"] for when in ("before", "after"))
    low, high = found["paired"]["difference_interval"]
    sure = "more than the draw of the problems explains" if low > 0 or high < 0 else "which may be chance"
    said = [f"Sampled accuracy changed by {100 * found['paired']['difference']:+.1f} points: {sure}."]
    if parts := found["components"]:
        whole = parts[-1]
        shares = ", ".join(f"{p['name']} {p['weight'] * p['gain']:+.2f}" for p in parts[:-1] if p["weight"])
        said.append(f"The mean reward changed by {whole['gain']:+.2f} points: {shares}.")
    said.append(f"The mean length went from {was['mean_length']:.1f} to {now['mean_length']:.1f} tokens.")
    lines = found["by_length"]["after"]
    name, ends = next(iter(lines[0])), (lines[0], lines[-1])
    if len(lines) > 1:
        told = " against ".join(f"{percent(end['accuracy'])} % at {end[name]} {name}" for end in ends)
        apart = ends[0]["low"] > ends[1]["high"] or ends[0]["high"] < ends[1]["low"]
        said.append(f"By length of the problem: {told}; the intervals {'do not ' if apart else ''}overlap.")
    broken, wrong = found["paired"]["broken"], found["paired"]["both_wrong"]
    if broken or wrong:
        said.append(
            f"{broken} problems that the base model had right are wrong now, and {wrong} are wrong in both: "
            "the transcripts show some of them."
        )
    return said


def limits(results: dict, seeds: int = 1) -> list[str]:
    """What these figures do not show."""
    lines = [
        "One training run with one seed. The intervals say how sure the rates are for these two models, "
        "not how much another seed or another training order would change them."
        if seeds < 2
        else f"{seeds} training seeds: enough to see whether the gain repeats, few for a narrow interval.",
        f"The held-out problems come from the same task as the training problems ({results['task']}): "
        "nothing is said about other kinds of question, nor about questions put in another way.",
        "Only the final answer and the form are graded: a right answer after wrong reasoning is right.",
    ]
    if results["model"] == "tiny":
        lines.append(
            "The model is the course's tiny stand-in with Gemma 3's architecture, not Gemma 3 itself: the method "
            "carries over, the figures do not. It is fit for teaching GRPO, and for nothing else."
        )
    return lines


def ideas(results: dict, seeds: int = 1) -> list[str]:
    """What to try next, as far as the figures suggest it."""
    was, now, greedy = results["before"]["sampled"], results["after"]["sampled"], results["after"]["greedy"]
    tips = []
    if seeds < 3:
        tips.append("Train with two more seeds, and report the spread.")
    if was["accuracy_interval"][1] < 0.1:
        tips.append("The base model was hardly ever right, so little could be rewarded: begin with easier problems.")
    if now["accuracy_interval"][0] > 0.9:
        tips.append("Hardly anything is left to learn here: train on harder problems, or on several tasks at once.")
    if now["format_interval"][1] < 0.95:
        tips.append("Form still fails: raise the weight of the format reward, or train longer.")
    if greedy["accuracy_interval"][0] > now["accuracy_interval"][1]:
        tips.append("Greedy beats sampled: more steps may sharpen the policy.")
    tips.append("Put the question in another way, or ask another kind of question: does the habit carry over?")
    tips.append("Grade the reasoning too, and see how often a right answer follows from a wrong line.")
    return tips
