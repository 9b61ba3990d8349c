"""The page in a real browser: a phone and a desk, light and dark, without a network."""

from __future__ import annotations

import io
import re

import chromium
import numpy as np
import pytest
from PIL import Image
from rows import quality, rows

from pushforward.data import digits
from pushforward.report import page
from pushforward.report.workers import Failure

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.found() is None, reason="no Chromium on the PATH"),
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    failed = [Failure("nice_digits", "ValueError: " + "averylongwordwithoutanyspace" * 8)]
    path = folder / "index.html"
    path.write_text(
        page.html([page.Section(digits(), rows(), quality(1.86, 0.948, 0.853))], failed), "utf-8"
    )
    browser = chromium.Chromium(folder / "profile")
    yield browser, path
    browser.close()


def pixels(browser) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.picture())).convert("L")).astype(float)


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_fits_and_is_not_blank(shown, width) -> None:
    browser, path = shown
    browser.requests.clear()
    browser.open(path, width)
    assert browser.ask("innerWidth") == width
    assert browser.ask("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert set(browser.requests) == {path.as_uri()}, "something was asked for"
    assert pixels(browser).std() > 10
    assert browser.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert browser.ask("document.images.length") == 19


def test_on_a_phone_only_the_table_scrolls_and_names_stay(shown) -> None:
    browser, path = shown
    browser.open(path, 390)
    scrolls = "(e => [e.scrollWidth, e.clientWidth])(document.querySelector('.scroll'))"
    inside, seen = browser.ask(scrolls)
    assert inside > seen
    left = "document.querySelector('tbody th').getBoundingClientRect().left"
    before = browser.ask(left)
    browser.ask("document.querySelector('.scroll').scrollLeft = 300")
    assert browser.ask(left) == before, "the first column stays where it is"
    assert browser.ask("document.querySelector('tbody th').offsetWidth") <= 0.5 * seen
    overlapping = "document.elementFromPoint(40, document.querySelector('tbody tr:nth-child(3) th')"
    browser.ask("document.querySelector('tbody').scrollIntoView()")
    assert browser.ask(f"{overlapping}.getBoundingClientRect().top + 20).closest('th') !== null")


def test_names_in_charts_stay_inside(shown) -> None:
    browser, path = shown
    browser.open(path, 390)
    outside = """[...document.querySelectorAll('.plots svg text')].filter(t => {
        const a = t.getBoundingClientRect(), b = t.closest('svg').getBoundingClientRect();
        return a.left < b.left - 1 || a.right > b.right + 1;}).map(t => t.textContent)"""
    assert browser.ask(outside) == []


def test_light_and_dark(shown) -> None:
    browser, path = shown
    brightness = {}
    for dark in (False, True):
        browser.open(path, 390, dark=dark)
        brightness[dark] = np.median(pixels(browser))
        assert contrast(browser, "p") > 7
        assert contrast(browser, "td small") > 4.5
        assert contrast(browser, "td.best") > 7
    assert brightness[False] > 220
    assert brightness[True] < 60


def contrast(browser, selector: str) -> float:
    """The contrast ratio of WCAG between an element's text and what lies behind it."""
    ask = f"""(e => {{let b = e; while (getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)')
        b = b.parentElement;
        return getComputedStyle(e).color + getComputedStyle(b).backgroundColor;}})
        (document.querySelector('{selector}'))"""
    channels = np.array(re.findall(r"\d+", browser.ask(ask)), float).reshape(2, 3) / 255
    linear = np.where(channels > 0.04045, ((channels + 0.055) / 1.055) ** 2.4, channels / 12.92)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)
