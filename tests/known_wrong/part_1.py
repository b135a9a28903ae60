"""Wrong answers to the exercises of chapter 1."""

from course_lib.presets import get_preset


def costs(**changes):
    """The right answer with some entries replaced."""

    def answer(settings):
        a_step = settings.prompts_per_step * settings.group_size
        right = {
            "problems": settings.steps * settings.prompts_per_step,
            "completions": settings.steps * a_step,
            "tokens_at_most": settings.steps * a_step * settings.max_completion_length,
            "micro_batch": a_step // settings.accumulation,
        }
        return right | {name: value(settings) for name, value in changes.items()}

    return answer


def constant(settings):
    return {"problems": 35, "completions": 140, "tokens_at_most": 1260, "micro_batch": 10}


def laptop(**changes):
    preset = get_preset("laptop")
    right = {
        "steps": preset.steps // 2,
        "group_size": preset.group_size // 2,
        "prompts_per_step": preset.prompts_per_step * 2,
    }
    return get_preset("laptop", **right | changes)


WRONG = {
    "part_1.run_costs": [
        ("one step only", costs(completions=lambda s: s.prompts_per_step * s.group_size), "whole run"),
        ("group forgotten", costs(completions=lambda s: s.steps * s.prompts_per_step), "group_size"),
        ("problems times group", costs(problems=lambda s: s.steps * s.prompts_per_step * s.group_size), "shares"),
        ("not cut", costs(micro_batch=lambda s: s.prompts_per_step * s.group_size), "whole step"),
        (
            "micro-batch in problems",
            costs(micro_batch=lambda s: s.prompts_per_step // s.accumulation),
            "not in problems",
        ),
        ("tokens of one step", costs(tokens_at_most=lambda s: 20 * s.max_completion_length), "whole run"),
        ("a number", lambda settings: 60, "dictionary"),
        ("a key is missing", lambda settings: {"problems": 35}, "no key"),
        ("a float", costs(micro_batch=lambda s: s.prompts_per_step * s.group_size / s.accumulation), "divide with //"),
        ("always the same", constant, "does not depend"),
    ],
    "part_1.small_groups": [
        ("the laptop itself", get_preset("laptop"), "group_size"),
        ("fewer completions", laptop(prompts_per_step=get_preset("laptop").prompts_per_step), "more problems"),
        ("all steps", laptop(steps=get_preset("laptop").steps), "half of the laptop's"),
        ("based on smoke", get_preset("smoke", group_size=get_preset("laptop").group_size // 2), "completions"),
        ("another rate as well", laptop(learning_rate=0.5), "learning_rate"),
        ("a dictionary", {"group_size": 4}, "Preset"),
    ],
}
