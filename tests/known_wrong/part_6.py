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


def divided_with_a_slash(prompts_per_step, group_size, fits, problems):
    total = prompts_per_step * group_size
    size = _largest(total, fits)
    return size, total / size, problems / prompts_per_step


def _rule(name, applies):
    """The right answer, but rule ``name`` asks ``applies(log)``."""

    def diagnose(log):
        start = log.head(5)
        rules = {
            "cut off": lambda log: start["clipped_ratio"].mean() > 0.5,
            "no success": lambda log: (start["reward"] == 0).all(),
            "no contrast": lambda log: start["frac_reward_zero_std"].mean() > 0.9,
            "collapsed": lambda log: _ends_below(log, log["reward"].rolling(5).mean().max()),
        } | {name: applies}
        return next((name for name, rule in rules.items() if rule(log)), "healthy")

    return diagnose


def _ends_below(log, best):
    return log["reward"].tail(5).mean() < 0.8 * best


def blocks_of_five(log):
    return _ends_below(log, log["reward"].groupby(log.index // 5).mean().max())


def short_windows(log):
    return _ends_below(log, log["reward"].rolling(5, min_periods=1).mean().max())


def best_rows(log):
    return _ends_below(log, log["reward"].nlargest(5).mean())


def last_row(log):
    return log["reward"].iloc[-1] < 0.8 * log["reward"].rolling(5).mean().max()


WRONG = {
    "part_6.plan_batch": [
        ("the batch does not divide the step", does_not_divide, "has to divide them"),
        ("prompts instead of completions", counts_prompts, "prompts times group size"),
        ("memory forgotten", ignores_memory, "fit into memory"),
        ("whole groups only", whole_groups, "may span several batches"),
        ("a last step that is not full", steps_rounded_up, "full steps only"),
        ("steps counted in completions", steps_in_completions, "count problems"),
        ("one number", lambda *arguments: 8, "three numbers"),
        ("not whole numbers", divided_with_a_slash, "whole numbers"),
    ],
    "part_6.diagnose": [
        ("success taken for failure", contrast_at_the_end, "everything is right"),
        ("consequence before cause", consequence_first, "cause comes before"),
        ("single rows compared", single_rows, "means of five rows"),
        ("end against start", against_the_start, "far below the best"),
        ("always healthy", lambda log: "healthy", "'cut off'"),
        ("no return", lambda log: None, "five names"),
        ("a name of its own", lambda log: "fine", "none of the five names"),
        ("first row, cut off", _rule("cut off", lambda log: log["clipped_ratio"].iloc[0] > 0.5), "mean"),
        ("all rows, cut off", _rule("cut off", lambda log: log["clipped_ratio"].mean() > 0.5), "five"),
        ("every row, cut off", _rule("cut off", lambda log: (log["clipped_ratio"].head(5) > 0.5).all()), "first row"),
        ("half is cut off", _rule("cut off", lambda log: log["clipped_ratio"].head(5).mean() >= 0.5), "not above"),
        ("sometimes 0", _rule("no success", lambda log: (log["reward"].head(5) == 0).any()), "sometimes"),
        ("0 at first", _rule("no success", lambda log: log["reward"].iloc[0] == 0), "sometimes"),
        ("0 at last", _rule("no success", lambda log: log["reward"].head(5).iloc[-1] == 0), "not always"),
        ("0 mostly", _rule("no success", lambda log: log["reward"].head(5).median() == 0), "not always"),
        ("nearly 0", _rule("no success", lambda log: (log["reward"].head(5) < 0.05).all()), "is not 0"),
        ("first row, contrast", _rule("no contrast", lambda log: log["frac_reward_zero_std"].iloc[0] > 0.9), "mean"),
        ("all rows, contrast", _rule("no contrast", lambda log: log["frac_reward_zero_std"].mean() > 0.9), "five"),
        ("last row", _rule("collapsed", last_row), "last"),
        ("windows that do not overlap", _rule("collapsed", blocks_of_five), "overlap"),
        ("windows that are not full", _rule("collapsed", short_windows), "a window has five rows"),
        ("the five best rows", _rule("collapsed", best_rows), "far apart"),
    ],
}
