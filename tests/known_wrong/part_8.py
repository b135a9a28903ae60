"""Wrong answers to the exercises of part 8."""

import torch


def stops_at_the_shorter(one, other):
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)


def tests_the_position_for_truth(one, other):
    if len(one) != len(other):
        return min(len(one), len(other))
    return stops_at_the_shorter(one, other) or None


def counts_from_one(one, other):
    found = stops_at_the_shorter(one, other)
    return None if found is None else found + 1


def last_difference(one, other):
    return max((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), default=None)


def length_for_the_same(one, other):
    found = stops_at_the_shorter(one, other)
    return min(len(one), len(other)) if found is None else found


def _factors(change, rank, power_a=0.5, power_b=0.5, largest=True):
    u, s, vh = torch.linalg.svd(change, full_matrices=False)
    kept = slice(0, rank) if largest else slice(len(s) - rank, len(s))
    return s[kept, None] ** power_a * vh[kept], u[:, kept] * s[kept] ** power_b


def right_weight(name, weight):
    if name == "lm_head.weight":
        return None
    return weight + 1 if name.endswith("norm.weight") else weight.half()


def changes_the_model(name, weight):
    if name.endswith("norm.weight"):
        weight += 1
        return weight
    return right_weight(name, weight)


WRONG = {
    "part_8.first_difference": [
        ("zip stops at the shorter one", stops_at_the_shorter, "where it has ended"),
        ("0 taken for false", tests_the_position_for_truth, "do not test it for truth"),
        ("positions from 1", counts_from_one, "count from 0"),
        ("the last difference", last_difference, "the first difference"),
        ("a number for equal ones", length_for_the_same, "the two are the same"),
    ],
    "part_8.extract_adapter": [
        ("the weights changed", lambda w, v, r: _factors(v.sub_(w), r), "have changed"),
        ("base not subtracted", lambda w, v, r: _factors(v, r), "merged weight itself"),
        ("wrong sign", lambda w, v, r: _factors(w - v, r), "wrong sign"),
        ("B before A", lambda w, v, r: _factors(v - w, r)[::-1], "A comes first"),
        ("singular values left out", lambda w, v, r: _factors(v - w, r, 0, 0), "singular values"),
        ("singular values twice", lambda w, v, r: _factors(v - w, r, 1, 1), "singular values"),
        ("the smallest ones", lambda w, v, r: _factors(v - w, r, largest=False), "singular values"),
    ],
    "part_8.convert_weight": [
        ("norms as they are", lambda n, w: w if "norm" in n else right_weight(n, w), "1 + w"),
        ("q_norm forgotten", lambda n, w: w if "q_norm" in n else right_weight(n, w), "1 + w"),
        ("norms rounded", lambda n, w: (w + 1).half() if "norm" in n else right_weight(n, w), "norms stay float32"),
        (
            "1 added to all",
            lambda n, w: (w + 1).half() if n.endswith("proj.weight") else right_weight(n, w),
            "matrices",
        ),
        ("in place", changes_the_model, "itself has changed"),
        ("embedding twice", lambda n, w: w.half() if n[:2] == "lm" else right_weight(n, w), "the embedding again"),
    ],
}
