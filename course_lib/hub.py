"""The Hugging Face Hub in the preflight: login and licence, without ever showing a token."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

from course_lib.preflight import Finding
from course_lib.validation import on_hub

if TYPE_CHECKING:
    from course_lib.presets import Preset

SECONDS = 5  # for one question to the Hub


def login_steps(model: str) -> tuple[str, ...]:
    """How to get at a gated model, step by step."""
    return (
        f"open https://huggingface.co/{model}, log in, and accept the licence",
        "make a token with read access: https://huggingface.co/settings/tokens",
        "hand it over: `hf auth login` in a terminal, or the environment variable HF_TOKEN. In Colab: a secret of that "
        "name, with notebook access switched on. In Kaggle: a secret of that name, then in a cell `from kaggle_secrets "
        "import UserSecretsClient` and `os.environ['HF_TOKEN'] = UserSecretsClient().get_secret('HF_TOKEN')`. Never "
        "write the token itself into a notebook",
    )


def data_on_hub(preset: Preset) -> str:
    """The data set that the preset's problems come from; empty if they are generated or on this machine."""
    from course_lib.tasks import TASKS
    from course_lib.tasks.sources import local_folder

    task = TASKS.get(preset.task)
    if task is None or not task.hub:
        return ""
    folder = "race" if preset.task.startswith("race") else preset.task
    return "" if local_folder(folder) else task.hub


def hub_findings(preset: Preset) -> list[Finding]:
    """Rows ``Hub``, ``login`` and ``licence``; nothing is asked if the preset takes nothing from the Hub."""
    from huggingface_hub import constants

    model, data = preset.model if on_hub(preset.model) else "", data_on_hub(preset)
    wanted = " and ".join(name for name in (model, data) if name)
    if not wanted:
        return [Finding("Hub", "ok", "not needed: model and problems are on this machine")]
    if constants.HF_HUB_OFFLINE:
        return [_without_network(model, wanted, "offline, as HF_HUB_OFFLINE asks")]
    login, reached = _login()
    if not reached:
        return [_without_network(model, wanted, "the Hub cannot be reached")]
    return [Finding("Hub", "ok", f"needed for {wanted}"), login, *([_licence(model)] if model else [])]


def _without_network(model: str, wanted: str, why: str) -> Finding:
    """A model that was downloaded before is enough; whether a data set was is not known here."""
    if model and not _cached(model):
        todo = f"connect to the network for {wanted}, or take the preset laptop, which needs none"
        return Finding("Hub", "fail", f"{why}, and {model} has not been downloaded", todo)
    return Finding("Hub", "warn", f"{why}; {wanted} must have been downloaded before")


def _cached(model: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(model, "config.json"), str)


def _login() -> tuple[Finding, bool]:
    """Who is logged in, and whether the Hub has answered. No text of an error is shown: it might hold the token."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        return Finding("login", "ok", f"logged in as {within(SECONDS, HfApi().whoami)['name']}"), True
    except LocalTokenNotFoundError:
        return Finding("login", "ok", "not logged in; only gated models need it"), within_reach()
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403):
            return Finding("login", "fail", "the Hub does not accept the token", "make a new one; " + _how()), True
        return Finding("login", "warn", f"the Hub answers with status {error.response.status_code}"), False
    except Exception:  # no network, a proxy, a time-out ...
        return Finding("login", "warn", "the Hub cannot be reached"), False


def _how() -> str:
    return login_steps("")[2]


def within_reach() -> bool:
    """Whether the Hub answers at all."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        within(SECONDS, lambda: get_session().head(constants.ENDPOINT))
    except Exception:
        return False
    return True


@contextmanager
def asked_once(source: str) -> Iterator[None]:
    """Inside, a Hub that does not answer is not asked again for a minute: what was downloaded before is taken, and what
    was not fails at once, as with ``HF_HUB_OFFLINE=1``. Nothing is asked for a ``source`` that is a folder."""
    from huggingface_hub import constants

    clients = [constants, *([sys.modules["datasets.config"]] if "datasets.config" in sys.modules else [])]
    before = [client.HF_HUB_OFFLINE for client in clients]
    away = on_hub(source) and not constants.HF_HUB_OFFLINE and not within_reach()
    for client, offline in zip(clients, before, strict=True):
        client.HF_HUB_OFFLINE = offline or away
    try:
        yield
    finally:
        for client, offline in zip(clients, before, strict=True):
            client.HF_HUB_OFFLINE = offline


def _licence(model: str) -> Finding:
    """Whether this account may download the model."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        within(SECONDS, lambda: HfApi().auth_check(model))
    except GatedRepoError:
        return Finding(
            "licence", "fail", f"{model} is gated, and not open to you yet", "; then ".join(login_steps(model))
        )
    except RepositoryNotFoundError:
        return Finding(
            "licence", "fail", f"the Hub has no model {model}, or not for you", "look at the name, or log in"
        )
    except Exception:
        return _without_network(model, model, "the Hub does not answer")
    return Finding("licence", "ok", f"{model} may be downloaded")


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """What ``call`` returns or raises; ``TimeoutError`` if it has done neither in time (it is left alone then)."""
    outcome: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            outcome.append((True, call()))
        except Exception as error:
            outcome.append((False, error))

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError(f"no answer within {seconds} seconds")
    fine, value = outcome[0]
    if fine:
        return value
    raise value
