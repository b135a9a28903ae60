"""What the page shows, as HTML. What was asked or written is escaped: it shows as text, and nothing is fetched."""

from __future__ import annotations

from html import escape

from course_lib.assistant import Reply
from course_lib.presets import Preset

CSS = """
.heading h1 { font-size: 1.375rem; }
textarea:focus-visible, button:focus-visible, summary:focus-visible {
  outline: 3px solid var(--color-accent) !important; outline-offset: 1px; }
.examples { flex-wrap: nowrap; overflow-x: auto; padding: 4px; }
.examples button { flex: 1 0 min(17rem, 80%); white-space: pre-line; text-align: left; font-weight: normal;
  justify-content: flex-start; align-items: flex-start; max-height: 16rem; overflow-y: auto; }
.strategies label { width: 100%; }
.told, .told > div { padding: 0 !important; }
.told section { border: 1px solid var(--border-color-primary); border-radius: 6px; padding: 0.75rem; }
.told h2 { font-size: 1rem; margin: 0 0 0.25rem; }
.told pre, .told p { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.told details pre { border-left: 3px solid var(--border-color-primary); padding-left: 0.75rem; margin: 0.25rem 0; }
.told .answer { font-weight: bold; }
.told .asked { max-height: 3.2em; overflow-y: auto; }
"""


def intro(preset: Preset) -> str:
    """What to expect, in a sentence or two."""
    known = "word problems of three to five steps" if preset.task == "toy_math" else "problems"
    told = f"The tiny model knows {known}, such as the examples; anything else gets nonsense."
    if preset.model != "tiny":
        told = "What the models write may be wrong."
    return f"{told} Each question stands alone."


def note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def alert(text: str) -> str:
    return f'<p role="alert">{escape(text)}</p>'


WRITING = note("…")


def asked(question: str, right: str) -> str:
    """What was asked, and the right answer where it is known."""
    told = f"<p>Right answer: <strong>{escape(right)}</strong></p>" if right else ""
    return f'<p class="asked">{escape(question)}</p>{told}'


def column(title: str, reply: Reply | None = None, below: str = "") -> str:
    """One column: its title, the reply with its reasoning folded, and the note ``below`` (HTML)."""
    told = ""
    if reply and not reply.answer:  # what cannot be told apart is shown as it is
        told = f"<pre>{escape(reply.text)}</pre>"
    elif reply:
        if reply.reasoning:
            told = f"<details><summary>Reasoning</summary><pre>{escape(reply.reasoning.strip())}</pre></details>"
        told += f'<pre class="answer">{escape(reply.answer)}</pre>'
    return f'<section role="log" aria-label="{escape(title)}"><h2>{escape(title)}</h2>{told}{below}</section>'


def ending(reply: Reply | None) -> str:
    """What is to be said below a reply that has come to its end."""
    if not (reply and reply.tokens):  # no whole reply came after the pieces
        return note("(the model failed: the terminal says why)")
    cut = "" if reply.ended else note(f"(cut off after {reply.tokens} tokens)")
    return cut if reply.text else note("(the model wrote nothing)") + cut
