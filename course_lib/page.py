"""A page to talk to the model: base and trained side by side, the reasoning folded. Built with Gradio."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING

from course_lib.assistant import LONGEST_QUESTION, Assistant, Reply
from course_lib.errors import CourseError, SettingError
from course_lib.presets import Preset
from course_lib.prompts import DOMAINS, PromptStyle
from course_lib.rollouts import EXAMPLES
from course_lib.strategies import STRATEGIES

if TYPE_CHECKING:
    import gradio as gr

NO_DOMAIN = "none"
CSS = ".told pre { white-space: pre-wrap; overflow-wrap: anywhere; }"
# without a run history: it would keep questions and answers in the browser
LAUNCH = {"share": False, "inbrowser": False, "run_history": False, "css": CSS}


def column(title: str, question: str = "", reply: Reply | None = None) -> str:
    """One column as HTML. What was asked and written is escaped: it shows as text, and nothing in it is fetched."""
    told = f"<pre>{escape(question)}</pre>" if question else ""
    if reply and not reply.answer:  # what cannot be told apart is shown as it is
        told += f"<pre>{escape(reply.text) or '…'}</pre>"
    elif reply:
        if reply.reasoning:
            told += f"<details><summary>Reasoning</summary><pre>{escape(reply.reasoning.strip())}</pre></details>"
        told += f"<pre>{escape(reply.answer)}</pre>"
    return f'<section role="log" aria-label="{escape(title)}"><h2>{escape(title)}</h2>{told}</section>'


def build_page(assistants: dict[str, Assistant], preset: Preset) -> gr.Blocks:
    """The page. ``assistants``: one column each, by its title."""
    import gradio as gr

    def talk(question: str, strategy: str, domain: str, seed: float) -> Iterator[list]:
        """The columns as the replies grow, one model after the other."""
        shown = {title: column(title, question) for title in assistants}
        style = PromptStyle(domain=None if domain == NO_DOMAIN else domain)
        for title, assistant in assistants.items():
            try:
                for reply in assistant.stream(
                    question, style, preset.kind, strategy, preset.max_completion_length, int(seed or 0)
                ):
                    shown[title] = column(title, question, reply)
                    yield list(shown.values())
            except CourseError as error:
                raise gr.Error(str(error)) from error

    with gr.Blocks(title="Teaching Gemma 3 to Reason with GRPO", analytics_enabled=False) as page:
        gr.Markdown("# Base model and trained model, side by side\nEach question stands alone: nothing is remembered.")
        with gr.Row():
            columns = [gr.HTML(column(title), elem_classes="told") for title in assistants]
        question = gr.Textbox(
            label="Question",
            max_length=LONGEST_QUESTION,
            max_lines=6,
            elem_id="question",
            submit_btn="Ask",
            stop_btn=True,
        )
        with gr.Row():
            strategy = gr.Radio(tuple(STRATEGIES), value="greedy", label="Strategy")
            domain = gr.Dropdown([NO_DOMAIN, *DOMAINS], value=NO_DOMAIN, label="Domain")
            seed = gr.Number(0, precision=0, label="Seed (for all but greedy)")
        gr.Examples([[EXAMPLES[preset.kind][0]["question"]]], question, label="Example")
        asked = question.submit(talk, [question, strategy, domain, seed], columns, api_name="ask")
        question.stop(None, cancels=[asked])
    return page


def open_page(
    preset: Preset, checkpoint: str = "trained", device: str = "", host: str = "127.0.0.1", port: int | None = None,
    block: bool = True,
):  # fmt: skip
    """Serve the page on the loopback address, unless told another; never through a public link.

    Returns Gradio's page and its address. Raises ``SettingError`` when the port is taken or Gradio is not installed.
    """
    if find_spec("gradio") is None:
        raise SettingError("the page needs Gradio, which is not installed: pip install gradio")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    assistants = {
        "base model": Assistant("base", preset, device),
        "trained model": Assistant(checkpoint, preset, device),
    }
    page = build_page(assistants, preset)
    try:
        _, address, _ = page.queue(max_size=16, default_concurrency_limit=1).launch(
            server_name=host, server_port=port, quiet=True, prevent_thread_lock=True, **LAUNCH
        )
    except OSError as error:
        raise SettingError(f"the page cannot be served on {host}, port {port or 'any'}: {error}") from error
    print(f"The page is at {address} (Ctrl-C ends it)", flush=True)
    if block:
        page.block_thread()
    return page, address
