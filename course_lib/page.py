"""A page to talk to the model: base and trained side by side, the reasoning folded. Built with Gradio."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING

from course_lib.assistant import LONGEST_QUESTION, Assistant, Reply, check_question
from course_lib.errors import CourseError, SettingError
from course_lib.presets import Preset
from course_lib.prompts import DOMAINS, PromptStyle
from course_lib.rollouts import EXAMPLES
from course_lib.strategies import STRATEGIES

if TYPE_CHECKING:
    import gradio as gr

NO_DOMAIN = "none"
LARGEST_SEED = 2**31 - 1
KNOWN = {  # what the tiny model was made for, by task
    "toy_math": "word problems of three to five steps",
    "toy_choice": "who has a thing after some swaps",
    "toy_rubric": "lists that keep some rules",
}
CSS = """
.heading h1 { font-size: 1.5rem; }
textarea:focus-visible, button:focus-visible, summary:focus-visible {
  outline: 3px solid var(--color-accent) !important; outline-offset: 1px; }
.examples { flex-wrap: nowrap; overflow-x: auto; align-items: stretch; }
.examples button { flex: 1 0 min(17rem, 80%); white-space: pre-line; text-align: left; font-weight: normal;
  justify-content: flex-start; align-items: flex-start; max-height: 16rem; overflow-y: auto; }
.strategies label { width: 100%; }
.told section { border: 1px solid var(--border-color-primary); border-radius: 6px; padding: 0.75rem; height: 100%; }
.told h2 { font-size: 1rem; margin: 0; }
.told pre, .asked { white-space: pre-wrap; overflow-wrap: anywhere; }
.told .note { color: var(--body-text-color-subdued); margin: 0; }
"""
# without a run history: it would keep questions and answers in the browser
LAUNCH = {"share": False, "inbrowser": False, "run_history": False, "footer_links": [], "css": CSS}


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


WRITING, STOPPED = note("…"), note("(stopped)")


def column(title: str, reply: Reply | None = None, below: str = "") -> str:
    """One column as HTML. What a model wrote is escaped: it shows as text, and nothing in it is fetched."""
    told = ""
    if reply and not reply.answer:  # what cannot be told apart is shown as it is
        told = f"<pre>{escape(reply.text)}</pre>"
    elif reply:
        if reply.reasoning:
            told = f"<details><summary>Reasoning</summary><pre>{escape(reply.reasoning.strip())}</pre></details>"
        told += f"<pre>{escape(reply.answer)}</pre>"
    return f'<section role="log" aria-label="{escape(title)}"><h2>{escape(title)}</h2>{told}{below}</section>'


def ending(reply: Reply | None) -> str:
    """What is to be said below a reply that has come to its end."""
    if not (reply and reply.tokens):  # no whole reply came after the pieces
        return note("(the model failed: the terminal says why)")
    cut = "" if reply.ended else note(f"(cut off after {reply.tokens} tokens)")
    return cut if reply.text else note("(the model wrote nothing)") + cut


def build_page(assistants: dict[str, Assistant], preset: Preset) -> gr.Blocks:
    """The page. ``assistants``: one column each, by its title."""
    import gradio as gr

    def talk(question: str, strategy: str, domain: str, seed: int | None) -> Iterator[list]:
        """What was asked, and the columns as the replies grow, one model after the other."""
        if not question.strip():
            return
        try:
            question = check_question(question)
            if not 0 <= (seed or 0) <= LARGEST_SEED:
                raise SettingError(f"the seed must lie between 0 and {LARGEST_SEED}")
        except CourseError as error:
            yield [f'<p role="alert">{escape(str(error))}</p>', *[gr.skip()] * len(assistants)]
            return
        told = f'<p class="asked">{escape(question)}</p>'
        shown = {title: column(title, below=WRITING) for title in assistants}
        style = PromptStyle(domain=None if domain == NO_DOMAIN else domain)
        for title, assistant in assistants.items():
            reply = None
            try:
                for reply in assistant.stream(
                    question, style, preset.kind, strategy, preset.max_completion_length, seed or 0
                ):
                    shown[title] = column(title, reply, WRITING)
                    yield [told, *shown.values()]
                below = ending(reply)
            except Exception as error:  # a message, in place of a column that waits for ever
                traceback.print_exc()
                below = note(f"(the model failed: {error})")
            shown[title] = column(title, reply, below)
            yield [told, *shown.values()]

    def stop(*shown: str) -> list[str]:
        """The columns, with a word on those that were being written."""
        return [html.replace(WRITING, STOPPED) for html in shown]

    with gr.Blocks(title="Teaching Gemma 3 to Reason with GRPO", analytics_enabled=False) as page:
        gr.Markdown("# Base model and trained model, side by side\nEach question stands alone: nothing is remembered.")
        with gr.Row():
            question = gr.Textbox(label="Question", max_length=LONGEST_QUESTION, max_lines=6, elem_id="question")
        with gr.Row():
            ask, halt = gr.Button("Ask", variant="primary"), gr.Button("Stop")
        gr.Examples([[EXAMPLES[preset.kind][0]["question"]]], question, label="Example")
        with gr.Row():
            strategy = gr.Radio(tuple(STRATEGIES), value="greedy", label="Strategy")
            domain = gr.Dropdown([NO_DOMAIN, *DOMAINS], value=NO_DOMAIN, label="Domain")
            seed = gr.Number(0, precision=0, label="Seed (for all but greedy)")
        told = gr.HTML()
        with gr.Row():
            columns = [gr.HTML(column(title), elem_classes="told") for title in assistants]
        asked = gr.on(
            [ask.click, question.submit],
            talk,
            [question, strategy, domain, seed],
            [told, *columns],
            api_name="ask",
            show_progress="hidden",
        )
        # unlike a finished answer, one that is being written can be told by its mark
        halt.click(stop, columns, columns, cancels=[asked], queue=False, api_visibility="private")
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
