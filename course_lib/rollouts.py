"""The four toy rollouts that travel through the course: one question, one group of completions."""

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
