"""Wrong answers to the exercises of part 6."""


def _largest(completions, fits):
    return max(n for n in range(1, completions + 1) if n <= fits and completions % n == 0)


def does_not_divide(prompts_per_step, group_size, fits, problems):
    size = min(fits, prompts_per_step * group_size)
    return size, -(-prompts_per_step * group_size // size), problems // prompts_per_step


def counts_prompts(prompts_per_step, group_size, fits, problems):
    size = _largest(prompts_per_step, fits)
    return size, prompts_per_step // size, problems // prompts_per_step


def ignores_memory(prompts_per_step, group_size, fits, problems):
    return prompts_per_step * group_size, 1, problems // prompts_per_step


def whole_groups(prompts_per_step, group_size, fits, problems):
    total = prompts_per_step * group_size
    size = max((n for n in range(group_size, total + 1, group_size) if n <= fits and total % n == 0), default=1)
    return size, total // size, problems // prompts_per_step


def steps_rounded_up(prompts_per_step, group_size, fits, problems):
    total = prompts_per_step * group_size
    size = _largest(total, fits)
    return size, total // size, -(-problems // prompts_per_step)


def steps_in_completions(prompts_per_step, group_size, fits, problems):
    total = prompts_per_step * group_size
    size = _largest(total, fits)
    return size, total // size, problems // total


def _diagnose(log, contrast_rows=5, order=("cut off", "no success", "no contrast"), window=5, against="best"):
    start = log.head(5)
    applies = {
        "cut off": start["clipped_ratio"].mean() > 0.5,
        "no success": (start["reward"] == 0).all(),
        "no contrast": log["frac_reward_zero_std"].head(contrast_rows).mean() > 0.9,
    }
    for name in order:
        if applies[name]:
            return name
    means = log["reward"].rolling(window).mean().dropna()
    bar = means.max() if against == "best" else means.iloc[0]
    return "collapsed" if means.iloc[-1] < 0.8 * bar else "healthy"


def contrast_at_the_end(log):
    if log["frac_reward_zero_std"].tail(5).mean() > 0.9 and log["reward"].iloc[0] > 0:
        return "no contrast"
    return _diagnose(log)


def consequence_first(log):
    return _diagnose(log, order=("no contrast", "no success", "cut off"))


def single_rows(log):
    return _diagnose(log, window=1)


def against_the_start(log):
    return _diagnose(log, against="start")


WRONG = {
    "part_6.plan_batch": [
        ("the batch does not divide the step", does_not_divide, "has to divide them"),
        ("prompts instead of completions", counts_prompts, "prompts times group size"),
        ("memory forgotten", ignores_memory, "fit into memory"),
        ("whole groups only", whole_groups, "need not hold whole groups"),
        ("a last step that is not full", steps_rounded_up, "full steps only"),
        ("steps counted in completions", steps_in_completions, "count problems"),
        ("one number", lambda *arguments: 8, "three numbers"),
    ],
    "part_6.diagnose": [
        ("success taken for failure", contrast_at_the_end, "everything is right"),
        ("consequence before cause", consequence_first, "cause comes before"),
        ("single rows compared", single_rows, "means of five rows"),
        ("end against start", against_the_start, "far below the best"),
        ("always healthy", lambda log: "healthy", "'cut off'"),
    ],
}
