"""Wrong answers that each checker has to refuse: part_N.py defines WRONG, by exercise:

WRONG = {
    "part_2.group_advantages": [
        ("no division by the standard deviation", only_centred, "standard deviation"),
        (label, wrong answer, fragment of the message that the learner should see),
    ],
}
"""
