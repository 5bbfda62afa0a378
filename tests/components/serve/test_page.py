"""The page beside the server, in headless Chromium."""

from __future__ import annotations

import pytest

from tests.browser import PHONE, is_too_wide, needs_chromium, opened

pytestmark = [pytest.mark.browser, needs_chromium]


def test_a_row_is_asked_by_the_form(server, rows):
    _, expected = server.post("/v1/models/taxi:predict", {"instances": [dict(rows[0], passenger_count=None)]})
    with opened(server.url) as page:
        page.wait_for_selector("form input[name=pickup_longitude]")
        assert page.locator("select#model").input_value() == "taxi"
        assert "Version 1" in page.locator("#about").text_content()
        for name, value in rows[0].items():
            if name != "passenger_count":
                page.fill(f"form input[name={name}]", "" if value is None else str(value))
        page.click("button[type=submit]")
        page.wait_for_selector("#answer .tile b")
        shown = float(page.locator("#answer .tile b").first.text_content())
        assert shown == pytest.approx(expected["predictions"][0]["fare"], rel=1e-4)
        assert page.locator("#asked tbody tr").count() == 1
        assert "–" in page.locator("#asked tbody").text_content()
        page.wait_for_function("document.querySelector('#recent').textContent.includes(' ms')")
        assert page.locator("#latency rect").count() > 0
        assert not is_too_wide(page)


def test_a_mistake_is_shown(server):
    with opened(server.url, PHONE, told="status of 400") as page:
        page.wait_for_selector("form input[name=passenger_count]")
        page.evaluate("document.querySelector('form').elements['passenger_count'].type = 'text'")
        page.route("**/v1/models/**", lambda route: route.fulfill(status=400, json={"error": "row 0: <b>wrong</b>"}))
        page.click("button[type=submit]")
        page.wait_for_function("document.querySelector('#error').textContent === 'row 0: <b>wrong</b>'")
        assert page.locator("#error b").count() == 0
        assert not is_too_wide(page)
