"""How fast the grader is: completions a second, side by side with math-verify, and growth with length.

Seconds are those of the process, so that other work on the machine does not count.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

from course_lib.errors import DataError
from course_lib.grading import grade
from course_lib.prompts import format_completion
from course_lib.rollouts import GOLD, ROLLOUTS
from course_lib.tasks import gsm8k, toy_math
from fuzz_grader import GOLDS, NASTY

COMPLETIONS = 400
SIZES = (250_000, 500_000, 1_000_000, 2_000_000)
MEGABYTE = SIZES.index(1_000_000)


def completions(n: int = COMPLETIONS) -> tuple[list[tuple[str, str]], str]:
    """``(completion, gold)`` pairs, and what they are made of.

    A quarter each: the toy rollouts (right, wrong, blurted, untagged), worked toy problems, and twice as many
    worked answers of GSM8K's test split; every fourth of the worked ones ends in a wrong number.
    """
    rollouts = [(text, GOLD) for text in ROLLOUTS.values()]
    toy = [(row["worked"], row["answer"]) for row in toy_math.generate("test", n, seed=0)]
    try:
        worked, source = [(row["worked"], row["answer"]) for row in gsm8k.load("test")], "toy rollouts and GSM8K"
    except DataError as error:
        print(f"Without GSM8K ({error})")
        worked, source = toy, "toy rollouts"
    pairs = []
    for i in range(n // 4):
        pairs.append(rollouts[i % len(rollouts)])
        for text, gold in (toy[i], worked[2 * i], worked[2 * i + 1]):
            said = gold if len(pairs) % 4 else gold + "1"
            pairs.append((format_completion(text, said), gold))
    return pairs, source


def per_second(judge: Callable[[str, str], bool], pairs: list[tuple[str, str]]) -> float:
    """Completions judged in one second, over one pass."""
    started = time.process_time()
    for completion, gold in pairs:
        judge(completion, gold)
    return len(pairs) / (time.process_time() - started)


def throughput(repeats: int = 5) -> dict:
    """Medians over passes that take turns, math-verify with its own default settings and time-outs.

    It is timed twice: on the same completions, and on what is easiest for it, the answer's text alone.
    """
    from math_verify import parse, verify

    def ours(completion: str, gold: str) -> bool:
        return grade(completion, gold).correct

    def theirs(completion: str, gold: str) -> bool:
        return verify(parse(gold), parse(completion))

    pairs, source = completions()
    alone = [(grade(completion, gold).answer or "", gold) for completion, gold in pairs]
    same = statistics.mean(ours(*pair) == theirs(*pair) for pair in pairs)
    rates: dict[str, list[float]] = {"grader": [], "math_verify": [], "math_verify_answer_alone": []}
    for _ in range(repeats):
        rates["grader"].append(per_second(ours, pairs))
        rates["math_verify"].append(per_second(theirs, pairs))
        rates["math_verify_answer_alone"].append(per_second(theirs, alone))
    found = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "completions": len(pairs),
        "source": source,
        "characters": statistics.mean(len(completion) for completion, _ in pairs),
        "per_second": found,
        "ratio": found["grader"] / found["math_verify"],
        "ratio_answer_alone": found["grader"] / found["math_verify_answer_alone"],
        "same_verdict": same,
    }


def exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """The slope of log(seconds) over log(size), by least squares: 1 is linear, 2 quadratic."""
    return statistics.linear_regression([math.log(n) for n in sizes], [math.log(s) for s in seconds]).slope


def growth(repeats: int = 3) -> dict:
    """Seconds at doubling sizes for every nasty fragment and kind: the slowest, and the worst exponent.

    The exponent is asked of those that take 10 ms or more at 1 MB; below, it is the memory's and the clock's.
    """
    rows = []
    for task, gold, options in GOLDS:
        for piece in NASTY:
            seconds = []
            for size in SIZES:
                text = piece * (size // len(piece))
                text = text if task == "final_line" else format_completion("so", text)
                timed = []
                for _ in range(repeats):
                    started = time.process_time()
                    grade(text, gold, task=task, options=options)
                    timed.append(time.process_time() - started)
                seconds.append(min(timed))
            rows.append({"task": task, "piece": ascii(piece), "seconds": seconds, "exponent": exponent(SIZES, seconds)})
    slowest = max(rows, key=lambda row: row["seconds"][MEGABYTE])
    steepest = max((row for row in rows if row["seconds"][MEGABYTE] >= 0.01), key=lambda row: row["exponent"])
    return {"sizes": SIZES, "fragments": len(NASTY), "slowest": slowest, "steepest": steepest}


def bench() -> dict:
    """Both, printed and returned."""
    speed, length = throughput(), growth()
    rate = speed["per_second"]
    print(f"grader: {speed['completions']} completions ({speed['source']}), {speed['characters']:.0f} characters each")
    print(f"{'course':32} {rate['grader']:10,.0f} completions/s")
    print(f"{'math-verify':32} {rate['math_verify']:10,.0f} completions/s   1/{speed['ratio']:.0f}")
    name = "math-verify, answer text alone"
    print(f"{name:32} {rate['math_verify_answer_alone']:10,.0f} completions/s   1/{speed['ratio_answer_alone']:.0f}")
    print(f"the same verdict on {speed['same_verdict']:.0%} of them")
    slowest, steepest = length["slowest"], length["steepest"]
    print(f"\n{length['fragments']} fragments, repeated to 0.25 ... 2 MB, every kind of grading:")
    print(f"slowest   {slowest['seconds'][MEGABYTE]:.2f} s for 1 MB, {slowest['task']} on {slowest['piece']}")
    print(f"steepest  length to the power {steepest['exponent']:.2f}, {steepest['task']} on {steepest['piece']}\n")
    return {"throughput": speed, "growth": length}
