"""How the next token is drawn: one table of named strategies for evaluation, demos and chapters alike."""

from __future__ import annotations

from dataclasses import dataclass

from course_lib.errors import SettingError


@dataclass(frozen=True)
class Strategy:
    """``temperature`` 0 takes the likeliest token. ``top_p`` 1 and ``top_k`` 0 leave no token out."""

    name: str
    temperature: float
    top_p: float = 1.0
    top_k: int = 0
    about: str = ""

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1 or self.top_k < 0:
            raise SettingError(
                f"strategy {self.name!r}: temperature must be 0 or more, top_p above 0 and at most 1, top_k 0 or more"
            )

    @property
    def greedy(self) -> bool:
        return self.temperature == 0

    def sampling(self) -> dict:
        """The keywords of ``generate`` in transformers; what is not used is switched off."""
        if self.greedy:
            return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        return {"do_sample": True, "temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k}


STRATEGIES = {
    strategy.name: strategy
    for strategy in (
        Strategy("greedy", 0.0, about="the likeliest token at every step: one answer per model"),
        Strategy("conservative", 0.3, 0.9, 40, "close to greedy, with a little variety"),
        Strategy("standard", 0.7, 0.95, 50, "what demos usually use"),
        Strategy("liberal", 0.85, 1.0, 2000, "nearly every token has its chance"),
        Strategy("creative", 1.2, 0.98, 0, "flatter than the model's own distribution: more surprises, more slips"),
        Strategy("sampled", 1.0, about="the policy's own distribution, as in the rollouts of training"),
    )
}


def get_strategy(name: str | Strategy) -> Strategy:
    """The strategy of that name; a ``Strategy`` of your own is passed through."""
    if isinstance(name, Strategy):
        return name
    if name not in STRATEGIES:
        raise SettingError(f"unknown strategy {name!r}; choose one of: {', '.join(STRATEGIES)}")
    return STRATEGIES[name]
