"""The page, in a real browser."""

from __future__ import annotations

import os
import shutil
import socket
from urllib.parse import urlsplit

import pytest

from course_lib.artifacts import REFERENCE
from course_lib.errors import SettingError
from course_lib.page import open_page
from course_lib.presets import get_preset
from course_lib.rollouts import GOLD, QUESTION

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
        chromium = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@needs_browser
@pytest.mark.slow
def test_base_and_trained_answer_side_by_side(address, browser, tmp_path):
    page = browser.new_page()
    page.goto(address)
    page.get_by_label("Question").fill(QUESTION)
    page.get_by_role("button", name="Ask").click()
    trained = page.get_by_label("chatbot conversation").nth(1)
    trained.get_by_text(GOLD, exact=True).wait_for()
    steps = trained.get_by_text("12+5=17")
    assert not steps.is_visible()  # folded
    trained.get_by_text("Reasoning").click()
    steps.wait_for()
    assert page.get_by_label("chatbot conversation").nth(0).get_by_text(QUESTION).is_visible()
    assert len(page.screenshot()) > 10_000


@needs_browser
@pytest.mark.slow
def test_too_long_a_question_is_refused_by_the_server_too(address, browser):
    page = browser.new_page()
    page.goto(address)
    box = page.get_by_label("Question")
    box.evaluate("element => element.removeAttribute('maxlength')")
    box.fill("x" * 4001)
    page.get_by_role("button", name="Ask").click()
    page.get_by_text("at most 4000").first.wait_for()


def test_the_page_is_bound_to_the_loopback_address(address):
    assert urlsplit(address).hostname == "127.0.0.1"
    port = urlsplit(address).port
    with socket.socket() as free:  # another address of this machine: the port is not taken there
        free.bind(("127.0.0.2", port))


def test_a_port_that_is_taken_is_a_clear_error(address):
    with pytest.raises(SettingError, match="cannot be served"):
        open_page(get_preset("laptop"), "base", "cpu", port=urlsplit(address).port, block=False)
