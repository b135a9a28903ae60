"""A page to talk to the model: base and trained side by side, the reasoning folded. Built with Gradio."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING

from course_lib.assistant import LONGEST_QUESTION, Assistant, check_question
from course_lib.errors import CourseError, SettingError
from course_lib.page_html import CSS, WRITING, alert, asked, column, ending, intro, note
from course_lib.presets import Preset
from course_lib.prompts import DOMAINS, LETTERS, PromptStyle, with_options
from course_lib.rollouts import EXAMPLES
from course_lib.strategies import STRATEGIES
from course_lib.tasks import rows_of

if TYPE_CHECKING:
    import gradio as gr

NO_DOMAIN = "none"
LARGEST_SEED = 2**31 - 1


def examples(preset: Preset) -> dict[str, str]:
    """Three test problems of the preset's task, as they are asked, each with its right answer (empty: many are)."""
    try:
        rows = rows_of(preset, "test", 3, 0)
    except CourseError:  # no data set at hand
        rows = [EXAMPLES[preset.kind][0]]
    told = {}
    for row in rows:
        text = f"{row['passage']}\n\n{row['question']}" if row.get("passage") else row["question"]
        right = "" if preset.kind == "rubric" else row["answer"]
        if row.get("options"):
            right = f"{right}) {row['options'][LETTERS.index(right)]}"
        told[with_options(text, row.get("options"))] = right
    return {text: right for text, right in told.items() if len(text) <= LONGEST_QUESTION}


def build_page(assistants: dict[str, Assistant], preset: Preset) -> gr.Blocks:
    """The page. ``assistants``: one column each, by its title."""
    import gradio as gr

    rights = examples(preset)
    stopping = set()  # sessions in which Stop was pressed; looked at between two pieces of a reply

    def talk(question: str, strategy: str, domain: str, seed: int | None, request: gr.Request) -> Iterator[list]:
        """What was asked, and the columns as the replies grow, one model after the other."""
        stopping.discard(request.session_hash)
        unchanged = [gr.skip()] * len(assistants)
        if not question.strip():
            yield [gr.skip(), *unchanged]
            return
        try:
            question = check_question(question)
            if not 0 <= (seed or 0) <= LARGEST_SEED:
                raise SettingError(f"the seed must lie between 0 and {LARGEST_SEED}")
        except CourseError as error:
            yield [alert(str(error)), *unchanged]
            return
        told = asked(question, rights.get(question, ""))
        shown = {title: column(title, below=WRITING) for title in assistants}
        style = PromptStyle(domain=None if domain == NO_DOMAIN else domain)
        options = (style, preset.kind, strategy, preset.max_completion_length, seed or 0)
        for title, assistant in assistants.items():
            reply = None
            try:
                if request.session_hash not in stopping:
                    with closing(assistant.stream(question, *options)) as pieces:
                        for reply in pieces:
                            shown[title] = column(title, reply, WRITING)
                            yield [told, *shown.values()]
                            if request.session_hash in stopping:
                                break
                below = note("(stopped)") if request.session_hash in stopping else ending(reply)
            except Exception as error:  # a message, in place of a column that waits for ever
                traceback.print_exc()
                below = note(f"(the model failed: {error})")
            shown[title] = column(title, reply, below)
            yield [told, *shown.values()]

    def stop(request: gr.Request) -> None:
        stopping.add(request.session_hash)

    for handler in (talk, stop):  # Gradio hands a request to who asks for one, and cannot read the name from here
        handler.__annotations__["request"] = gr.Request

    with gr.Blocks(title="Teaching Gemma 3 to Reason with GRPO", analytics_enabled=False) as page:
        gr.Markdown(f"# Base and trained model, side by side\n{intro(preset)}", elem_classes="heading")
        question = gr.Textbox(
            label="Question (Enter asks it)", max_length=LONGEST_QUESTION, max_lines=10, elem_id="question"
        )
        with gr.Row():
            ask, halt = gr.Button("Ask", variant="primary", min_width=100), gr.Button("Stop", min_width=100)
        gr.Markdown("Examples")
        with gr.Row(elem_classes="examples"):
            for text in rights:
                example = gr.Button(text, size="sm", min_width=0)
                example.click(None, example, question, js="text => text")
        above = gr.HTML(elem_classes="told")
        with gr.Row():
            columns = []
            for title in assistants:
                with gr.Column(min_width=260):
                    columns.append(gr.HTML(column(title), elem_classes="told"))
        with gr.Accordion("Settings: strategy, domain, seed", open=False):
            strategies = [(f"{name}: {strategy.about}", name) for name, strategy in STRATEGIES.items()]
            strategy = gr.Radio(strategies, value="greedy", label="Strategy", elem_classes="strategies")
            with gr.Row():
                domain = gr.Dropdown([NO_DOMAIN, *DOMAINS], value=NO_DOMAIN, label="Domain")
                seed = gr.Number(0, precision=0, label="Seed (for all but greedy)")
        gr.on(
            [ask.click, question.submit],
            talk,
            [question, strategy, domain, seed],
            [above, *columns],
            api_name="ask",
            show_progress="hidden",
        )
        halt.click(stop, queue=False, api_visibility="private")
    return page


def launch(page: gr.Blocks, **options) -> str:
    """Serve the page in the background: no link from outside, nothing fetched from elsewhere. Returns its address."""
    import gradio as gr

    theme = gr.themes.Default(
        primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    # a run history would keep questions and answers in the browser
    quiet = {"quiet": True, "inbrowser": False, "footer_links": [], "run_history": False}
    return page.launch(share=False, prevent_thread_lock=True, theme=theme, css=CSS, **quiet, **options)[1]


def check_port(host: str, port: int | None) -> None:
    """Raises ``SettingError`` when nothing can be served there."""
    try:
        socket.create_server((host, port or 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except (OSError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise SettingError(f"port {port} is taken; choose another, or leave it out") from error
        raise SettingError(f"the page cannot be served on {host}, port {port or 'any'}: {error}") from error


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
    check_port(host, port)
    print("Loading the models …", file=sys.stderr, flush=True)
    assistants = {
        "base model": Assistant("base", preset, device),
        "trained model": Assistant(checkpoint, preset, device),
    }
    page = build_page(assistants, preset).queue(max_size=16, default_concurrency_limit=1)
    try:
        address = launch(page, server_name=host, server_port=port)
    except OSError as error:
        raise SettingError(f"the page cannot be served on {host}, port {port or 'any'}: {error}") from error
    try:
        print(f"The page is at {address} (Ctrl-C ends it)", flush=True)
        while block:
            time.sleep(1)
    except KeyboardInterrupt:
        page.close(verbose=False)
        print("\nThe page is closed.")
    return page, address
