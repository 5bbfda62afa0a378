"""Headless Chromium, for tests that look at pages."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


@contextlib.contextmanager
def opened(url: str, size: dict[str, int] = LAPTOP, *, told: str | None = None) -> Iterator[Any]:
    """A page; what it logs as an error fails the test, but for what is `told`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=size)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(url)
        yield page
        browser.close()
    assert [problem for problem in problems if told is None or told not in problem] == []


def is_too_wide(page: Any) -> bool:
    """Whether the page as a whole has to be moved sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
