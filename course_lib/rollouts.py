"""The toy rollouts that travel through the course: one question, one group of four completions.

``QUESTION``, ``GOLD`` and ``ROLLOUTS`` are the ones of all chapters, a sum. ``EXAMPLES`` has one such group for
each kind of task: the row as a task gives it, and its rollouts.
"""

from __future__ import annotations

QUESTION = (
    "Mia has 12 apples. Mia buys 5 more apples. A friend takes 4 apples. "
    "Now there are 2 times as many apples. How many apples does Mia have now?"
)
GOLD = "26"
ROLLOUTS = {
    "reasons, right": "<reasoning>\n12+5=17\n17-4=13\n13*2=26\n</reasoning>\n<answer>26</answer>",
    "reasons, slips": "<reasoning>\n12+5=17\n17-4=12\n12*2=24\n</reasoning>\n<answer>24</answer>",
    "blurts, right": "<answer>26</answer>",
    "no tags": "The answer is 26.",
}

_CHOICE = {
    "task": "toy_choice",
    "question": (
        "The ball is with Mia. On Monday Mia and Leo swap. On Tuesday Leo hands the ball to Ana. "
        "On Wednesday Tom gives the hat to Leo. On Thursday Ana swaps with Tom. "
        "Who has the ball in the end?"
    ),
    "options": ["Leo", "Tom", "Mia", "Ana"],
    "answer": "B",
}
_PASSED_ON = (
    "the ball is with Mia\nOn Monday Mia and Leo swap: Leo\nOn Tuesday Leo hands the ball to Ana: Ana\n"
    "On Wednesday Tom gives the hat to Leo: Ana\nOn Thursday Ana swaps with Tom:"
)
_RUBRIC = {
    "task": "toy_rubric",
    "question": (
        "Write a list of 3 things, with commas. Name pens. Do not name coins. "
        "Put them in alphabetical order. End with a full stop."
    ),
    "answer": (
        "1. The answer is a list of exactly 3 items. [Hard Rule]\n"
        '2. One of the items is "pens". [Hard Rule]\n'
        "3. The items are in alphabetical order. [Hard Rule]\n"
        "4. The answer ends with a full stop. [Hard Rule]\n"
        '5. The answer includes the word "coins". [Pitfall]\n'
        "6. An item is repeated. [Pitfall]"
    ),
}
_PLAN = "3 things\nname pens\nno coins\na to z\nfull stop\nlist:"
EXAMPLES = {
    "number": ({"task": "toy_math", "question": QUESTION, "answer": GOLD}, ROLLOUTS),
    "choice": (
        _CHOICE,
        {
            "reasons, right": f"<reasoning>\n{_PASSED_ON} Tom\n</reasoning>\n<answer>Tom</answer>",
            "reasons, slips": f"<reasoning>\n{_PASSED_ON} Ana\n</reasoning>\n<answer>Ana</answer>",
            "blurts, right": "<answer>Tom</answer>",
            "no tags": "The answer is Tom.",
        },
    ),
    "rubric": (
        _RUBRIC,
        {
            "reasons, right": f"<reasoning>\n{_PLAN} beads lamps pens\n</reasoning>\n"
            "<answer>beads, lamps, pens.</answer>",
            "reasons, slips": f"<reasoning>\n{_PLAN} lamps beads pens\n</reasoning>\n"
            "<answer>lamps, beads, pens.</answer>",
            "blurts, right": "<answer>beads, lamps, pens.</answer>",
            "no tags": "The answer is beads, lamps, pens.",
        },
    ),
}
