"""The same questions answered before and after, side by side: for a notebook, a terminal, a report."""

from __future__ import annotations

from html import escape

import pandas as pd

from course_lib.metrics import changes

KINDS = {
    "fixed": "Fixed: wrong before, right after",
    "broken": "Broken: right before, wrong after",
    "still wrong": "Still wrong",
    "still right": "Right before and after",
}
CELL = "text-align: left; vertical-align: top; white-space: pre-wrap; overflow-wrap: anywhere; width: 50%"


class Transcripts(list):
    """Dictionaries with ``kind``, ``question``, ``gold``, ``before`` and ``after``; shown as a table in a notebook and
    as plain text elsewhere. What a model wrote is escaped: it is shown, never run."""

    def _repr_html_(self) -> str:
        parts = []
        for one in self:
            cells = "".join(f'<td style="{CELL}">{escape(one[when])}</td>' for when in ("before", "after"))
            parts.append(
                f"<h4>{escape(one['kind'])}</h4>"
                f"<p>{_lines(one['question'])} <b>Right answer: {_lines(one['gold'])}</b></p>"
                '<table style="width: 100%; table-layout: fixed">'
                f"<tr><th>base model</th><th>trained model</th></tr><tr>{cells}</tr></table>"
            )
        return "\n".join(parts)

    def __repr__(self) -> str:
        return "\n\n".join(
            f"===== {one['kind']}\n{one['question']}\n[right answer: {one['gold']}]\n"
            f"--- base model\n{one['before']}\n--- trained model\n{one['after']}"
            for one in self
        )


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def transcripts(before: pd.DataFrame, after: pd.DataFrame, most: int = 3) -> Transcripts:
    """Up to ``most`` pairs of completions: one of each kind in the order of ``KINDS``, then second ones, ..."""
    found = changes(before, after)
    order = {kind: place for place, kind in enumerate(KINDS)}
    turns = found.assign(turn=found.groupby("change").cumcount(), place=found["change"].map(order))
    picked = turns.sort_values(["turn", "place"], kind="stable").head(most)
    told = picked[["question", "gold", "before", "after"]].astype(str).to_dict("records")
    return Transcripts({"kind": KINDS[change], **one} for change, one in zip(picked["change"], told, strict=True))
