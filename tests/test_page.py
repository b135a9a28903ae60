"""The page, in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from course_lib.artifacts import REFERENCE
from course_lib.assistant import Reply
from course_lib.errors import SettingError
from course_lib.evaluation import Completion
from course_lib.page import build_page, examples, launch, open_page
from course_lib.page_html import intro
from course_lib.presets import get_preset
from course_lib.rollouts import GOLD, QUESTION
from course_lib.strategies import STRATEGIES
from course_lib.tasks import load_rows

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(
    BROWSER is None and os.environ.get("CI") != "true",
    reason="no Chromium; on Debian and Ubuntu: apt-get install chromium",
)


@pytest.fixture(scope="module")
def address():
    page, address = open_page(
        get_preset("laptop"), str(REFERENCE / "toy_math/06_training/adapter"), device="cpu", block=False
    )
    yield address
    page.close()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        # without Chromium's own talk to its maker
        quiet = "--disable-background-networking --disable-component-update --disable-sync"
        chromium = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu", *quiet.split()])
        yield chromium
        chromium.close()


@needs_browser
@pytest.mark.slow
def test_base_and_trained_answer_side_by_side(address, browser, tmp_path):
    page = browser.new_page()
    page.goto(address)
    ask(page, QUESTION)
    trained = page.get_by_role("log", name="trained model")
    trained.get_by_text(GOLD, exact=True).wait_for()
    steps = trained.get_by_text("12+5=17")
    assert not steps.is_visible()  # folded
    trained.get_by_text("Reasoning").click()
    steps.wait_for()
    assert page.locator(".asked").get_by_text(QUESTION).is_visible()
    assert len(page.screenshot()) > 10_000


class Parrot:
    """An assistant that answers at once, with what it is given."""

    def __init__(self, text: str, ended: bool = True):
        self.text, self.ended = text, ended

    def stream(self, question, *options):
        yield Reply.read(question, Completion(self.text[:20], 0, False))
        yield Reply.read(question, Completion(self.text, 9, self.ended))


class Broken:
    def stream(self, *options):
        raise RuntimeError("out of <b>memory</b>")
        yield


class Endless:
    """An assistant that writes until it is stopped."""

    closed = False

    def stream(self, question, *options):
        try:
            while True:
                time.sleep(0.05)
                yield Reply.read(question, Completion("on and on", 0, False))
        finally:
            self.closed = True


def ask(page, question):
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Ask").click()


def set_seed(page, seed):
    page.get_by_text("Settings").click()
    page.get_by_label("Seed").wait_for()
    page.wait_for_timeout(500)  # Gradio sets the field once more just after it is first shown
    page.get_by_label("Seed").fill(seed)


@pytest.fixture
def serve():
    """Serves a page with stand-ins for the models."""
    pages = []

    def start(**assistants):
        page = build_page(assistants, get_preset("laptop"))
        pages.append(page)
        return launch(page)

    yield start
    for page in pages:
        page.close()


HTML = """<img src="http://192.0.2.1/x.png"><b>bold</b><h1>head</h1><a href="http://192.0.2.1/">link</a>
<script>fetch("http://192.0.2.1/s")</script> &lt;b&gt; ${1+1} {{value}} $x^2$ ![](http://192.0.2.1/m.png) **stars**"""


@needs_browser
@pytest.mark.slow
def test_an_example_is_asked_beside_its_right_answer(address, browser):
    page = browser.new_page()
    page.goto(address)
    rows = load_rows("toy_math", "test", 3)
    for row in rows:
        page.get_by_role("button", name=row["question"]).wait_for()
    page.get_by_role("button", name=rows[0]["question"]).click()
    page.get_by_role("button", name="Ask").click()
    page.get_by_text(f"Right answer: {rows[0]['answer']}", exact=True).wait_for()
    page.get_by_text("Settings").click()
    page.get_by_label(STRATEGIES["creative"].about).wait_for()
    page.goto(address)
    ask(page, "What is love?")
    page.locator(".asked").get_by_text("What is love?").wait_for()
    assert page.get_by_text("Right answer").count() == 0


@needs_browser
@pytest.mark.slow
def test_a_narrow_screen_shows_the_question_first_and_nothing_sticks_out(address, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(address)
    box = page.get_by_label("Question")
    assert box.bounding_box()["y"] < 400
    assert page.get_by_role("log").nth(1).bounding_box()["y"] < 844
    box.focus()
    assert box.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_only_the_tiny_model_is_said_to_know_its_problems_alone():
    assert "three to five steps" in intro(get_preset("laptop"))
    assert "tiny" not in intro(get_preset("t4"))


@pytest.mark.parametrize("task, right", [("toy_choice", "C) Tom"), ("toy_rubric", "")])
def test_examples_of_the_other_tasks(task, right):
    shown = examples(get_preset(f"laptop-{task}"))
    assert len(shown) == 3 and right in shown.values()


@needs_browser
@pytest.mark.slow
def test_what_is_asked_and_written_is_shown_as_text(serve, browser):
    read = Parrot(f"<reasoning>\n{HTML}\n</reasoning>\n<answer>{HTML}</answer>")
    raw = Parrot(f"<reasoning>{HTML}")
    page, requests = browser.new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(serve(read=read, raw=raw))
    ask(page, HTML)
    answer = page.get_by_role("log", name="read").locator("pre").last
    answer.get_by_text("**stars**").wait_for()
    page.get_by_role("log", name="raw").get_by_text("<reasoning><img").wait_for()
    page.get_by_text("Reasoning", exact=True).click()
    page.wait_for_timeout(500)
    shown = page.locator("main pre, .asked").all_inner_texts()
    assert shown.count(HTML) == 3 and f"<reasoning>{HTML}" in shown  # the question, the reasoning, the answer; raw
    assert page.locator("img[src*='192.0.2.1'], a[href*='192.0.2.1'], pre *").count() == 0
    assert page.locator("b, h1, script, a").filter(has_text=re.compile("^(bold|head|link|fetch.*)$")).count() == 0
    assert {urlsplit(url).hostname for url in requests if not url.startswith("data:")} == {"127.0.0.1"}


@needs_browser
@pytest.mark.slow
def test_what_cannot_be_asked_is_a_message_and_nothing_at_all_is_left_alone(serve, browser, capfd):
    page, address = browser.new_page(), serve(model=Parrot("<answer>7</answer>"))
    page.goto(address)
    ask(page, "  ")
    page.wait_for_timeout(500)
    assert page.get_by_role("alert").count() == 0 and page.get_by_text("Error").count() == 0
    assert page.get_by_role("log").inner_text() == "model"
    page.goto(address)
    page.get_by_label("Question").evaluate("element => element.removeAttribute('maxlength')")
    ask(page, "x" * 4001)  # the server refuses it too
    page.get_by_role("alert").get_by_text("at most 4000").wait_for()
    for seed in "-1", "99999999999":
        page.goto(address)
        set_seed(page, seed)
        ask(page, "what?")
        page.get_by_role("alert").get_by_text("the seed must lie between 0 and").wait_for()
    page.goto(address)
    set_seed(page, "2147483647")
    ask(page, "what?")
    page.get_by_role("log").get_by_text("7", exact=True).wait_for()
    assert page.get_by_role("alert").count() == 0
    assert "Traceback" not in "".join(capfd.readouterr())


@needs_browser
@pytest.mark.slow
def test_a_model_that_fails_or_is_cut_off_says_so(serve, browser):
    page = browser.new_page()
    page.goto(serve(broken=Broken(), cut=Parrot("12+5=17 and then", ended=False)))
    ask(page, "what?")
    page.get_by_role("log", name="cut").get_by_text("(cut off after 9 tokens)").wait_for()
    assert page.get_by_role("log", name="broken").get_by_text("out of <b>memory</b>").is_visible()
    assert page.get_by_text("…", exact=True).count() == 0


@needs_browser
@pytest.mark.slow
def test_stop_ends_the_answer_and_says_so(serve, browser):
    page, endless = browser.new_page(), Endless()
    page.goto(serve(first=endless, second=Parrot("<answer>7</answer>")))
    ask(page, "what?")
    first = page.get_by_role("log", name="first")
    first.get_by_text("on and on").wait_for()
    page.get_by_role("button", name="Stop").click()
    first.get_by_text("(stopped)").wait_for()
    page.wait_for_timeout(500)
    assert endless.closed and first.inner_text().splitlines()[-1] == "(stopped)"
    assert page.get_by_role("log", name="second").get_by_text("(stopped)").is_visible()


def test_the_page_is_bound_to_the_loopback_address(address):
    assert urlsplit(address).hostname == "127.0.0.1"
    port = urlsplit(address).port
    with socket.socket() as free:  # another address of this machine: the port is not taken there
        free.bind(("127.0.0.2", port))


def test_a_port_that_is_taken_is_told_before_any_model_is_loaded(address, capsys):
    port = urlsplit(address).port
    with pytest.raises(SettingError, match=f"port {port} is taken; choose another, or leave it out"):
        open_page(get_preset("laptop"), "no such model", "cpu", port=port, block=False)
    with pytest.raises(SettingError, match="cannot be served"):
        open_page(get_preset("laptop"), "no such model", "cpu", port=99999, block=False)
    assert "Loading" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as a signal; run it on Linux or macOS")
def test_ctrl_c_ends_the_page():
    command = [sys.executable, "-m", "course_lib", "page", "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("The page is at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out.strip() == "The page is closed."
    assert err.startswith("Loading the models …\n") and "Traceback" not in err
