"""The built site: it builds without a warning, every page opens in a browser, every link leads on.

The build runs every cell and takes minutes. `PUSHFORWARD_COURSE=runs/course` names a site that
`pushforward-course build` wrote, which is then looked at instead.
"""

import os
import re
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

from pushforward.core.sources import rows
from pushforward_course import building, mathjax, settings
from pushforward_course.topics import plans

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
import chromium

pytestmark = pytest.mark.slow

needs_a_browser = pytest.mark.skipif(chromium.found() is None, reason="no Chromium on the PATH")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    named = os.environ.get("PUSHFORWARD_COURSE")
    if named:
        return Path(named).absolute() / "html"
    missing = [name for name in building.NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"building needs the course extra: {', '.join(missing)}")
    if not mathjax.at_hand():
        pytest.skip("MathJax was never fetched: run `pushforward-course build` once")
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # Sphinx deprecates what its extensions still use
        return building.built(tmp_path_factory.mktemp("course"), quiet=True).parent


def pages(site):
    return sorted(page for page in site.rglob("*.html") if "_static" not in page.parts)


def test_every_lecture_has_a_page_slides_and_its_topics(site):
    for source in settings.pages():
        page = (site / f"{source.stem}.html").read_text("utf-8")
        assert f"slides/{source.stem}.html" in page
        assert (site / "slides" / f"{source.stem}.html").exists()
        topics = next(p.topics for p in plans() if p.lecture == settings.number(source))
        ids = set(re.findall(r'id="([^"]+)"', page))
        assert not {anchor for anchor in topics if anchor not in ids}
        assert f"Theorem {settings.number(source)}.1" in page.replace("Proposition", "Theorem")


def test_links_lead_somewhere(site):
    """Inside the site every file is there, and every fragment is the id of something."""
    ids = {p: set(re.findall(r'id="([^"]+)"', p.read_text("utf-8"))) for p in pages(site)}
    lost = []
    for page in pages(site):
        text = page.read_text("utf-8")
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            if re.match(r"[a-z]+:", link):
                assert not link.startswith("http") or link in re.findall(r'href="([^"]+)"', text)
                continue
            path, _, fragment = unquote(link).partition("#")
            target = (page.parent / path.split("?")[0]).resolve() if path else page
            known = ids.get(target)
            if not target.exists() or (fragment and known is not None and fragment not in known):
                lost.append((page.name, link))
    assert not lost


def test_the_site_is_small(site):
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    assert size < 60e6


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = chromium.Chromium(tmp_path_factory.mktemp("profile"))
    opened.call("Runtime.enable")
    yield opened
    opened.close()


SET = (
    "typeof MathJax === 'undefined' || !MathJax.startup ? 0 : MathJax.startup.promise.then(() => 1)"
)


@needs_a_browser
@pytest.mark.browser
def test_every_page_opens_without_a_complaint_or_a_request_outside(site, browser):
    for page in pages(site):
        browser.requests.clear()
        browser.complaints.clear()
        browser.open(page, 1200)
        browser.call("Runtime.evaluate", expression=SET, awaitPromise=True)
        outside = [url for url in browser.requests if not url.startswith("file:")]
        assert not outside, page.name
        assert not browser.complaints, (page.name, browser.complaints)
        assert browser.ask("document.querySelectorAll('mjx-merror').length") == 0, page.name
        assert browser.ask("[...document.images].every(i => i.complete)"), page.name


@needs_a_browser
@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280, 1600])
def test_no_page_scrolls_sideways(site, browser, width):
    for page in pages(site):
        if page.parent.name == "slides":
            continue
        browser.open(page, width)
        browser.call("Runtime.evaluate", expression=SET, awaitPromise=True)
        assert browser.ask("document.documentElement.scrollWidth") <= width, page.name


@needs_a_browser
@pytest.mark.browser
def test_sliders_move_and_choices_open(site, browser):
    browser.open(site / "01-divergences.html", 1200)
    shown = "document.querySelector('figure.frames img:not([hidden])').dataset.label"
    before = browser.ask(shown)
    browser.ask(
        "(s => {s.value = s.max; s.dispatchEvent(new Event('input', {bubbles: true}));})"
        "(document.querySelector('figure.frames input'))"
    )
    assert browser.ask(shown) != before
    assert browser.ask("document.querySelector('figure.frames output').textContent") == (
        browser.ask(shown)
    )
    assert browser.ask("document.querySelector('details.reveal').open") is False
    browser.ask("document.querySelector('.choice.right').click()")
    assert browser.ask("document.querySelector('details.reveal').open") is True


@needs_a_browser
@pytest.mark.browser
def test_the_map_is_filtered(site, browser):
    browser.open(site / "map.html", 1280)
    shown = "[...document.querySelectorAll('.filtered tbody tr')].filter(r => !r.hidden).length"
    every = browser.ask(shown)
    assert every == len(rows())
    browser.ask(
        "(i => {i.value = 'planar'; i.dispatchEvent(new Event('input'));})"
        "(document.querySelector('p.filter input'))"
    )
    assert 0 < browser.ask(shown) < every


@needs_a_browser
@pytest.mark.browser
def test_the_search_finds_lectures_and_reference(site, browser):
    """From a disk, where nothing can be fetched."""
    browser.open(site / "search.html", 1280)
    browser.call("Page.navigate", url=(site / "search.html").as_uri() + "?q=planar")
    found = "[...document.querySelectorAll('#search-results li a')].map(a => a.href).join(' ')"
    wait = f"new Promise(d => setTimeout(() => d({found}), 3000))"
    told = browser.call("Runtime.evaluate", expression=wait, awaitPromise=True, returnByValue=True)
    assert "04-flows.html" in told["result"]["value"]
    assert "systems/planar" in told["result"]["value"]


def pressed(browser, key, code):
    """A key goes down and up, as from a keyboard."""
    key = {"key": key, "code": key, "windowsVirtualKeyCode": code}
    text = {"text": "\r"} if code == 13 else {}
    browser.call("Input.dispatchKeyEvent", type="keyDown", **key, **text)
    browser.call("Input.dispatchKeyEvent", type="keyUp", **key)


TOUCHED = (
    "figure.frames input",
    ".choice",
    "details.reveal summary",
    "details summary",
    "article p a",
)
RING = (
    "(e => {e.focus(); const s = getComputedStyle(e); return document.activeElement === e && "
    "e.tabIndex >= 0 && s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1;})"
)


@needs_a_browser
@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_all_that_can_be_touched_is_reached_and_moved_by_keys(site, browser, dark):
    browser.open(site / "01-divergences.html", 1280, dark=dark)
    pressed(browser, "Tab", 9)  # from here on the browser shows where the keyboard is
    assert "skip" in browser.ask("document.activeElement.className + document.activeElement.text")
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    for what in TOUCHED:
        every = f"[...document.querySelectorAll('{what}')].filter(e => e.checkVisibility())"
        assert browser.ask(f"{every}.length"), what
        lost = browser.ask(f"{every}.filter(e => !{RING}(e)).map(e => e.outerHTML.slice(0, 80))")
        assert not lost, (what, lost[:3])
    shown = "document.querySelector('figure.frames img:not([hidden])').dataset.label"
    before = browser.ask(shown)
    browser.ask("document.querySelector('figure.frames input').focus()")
    pressed(browser, "ArrowRight", 39)
    after = browser.ask(shown)
    pressed(browser, "Home", 36)
    assert len({before, after, browser.ask(shown)}) >= 2
    opened = "document.querySelector('details.reveal').open"
    browser.ask(f"{opened} = false; document.querySelector('.predict .choice').focus()")
    pressed(browser, "Enter", 13)
    assert browser.ask(opened) is True
    browser.ask("document.querySelector('details.reveal summary').focus()")
    pressed(browser, "Enter", 13)
    assert browser.ask(opened) is False


@needs_a_browser
@pytest.mark.browser
def test_slides_go_on_by_keys(site, browser):
    browser.open(site / "slides" / "01-divergences.html", 1280, 720)
    press = {"type": "keyDown", "key": "ArrowRight"}
    assert browser.ask("document.querySelectorAll('section.card.now').length") == 1
    first = browser.ask("document.querySelector('section.card.now').textContent")
    browser.call("Input.dispatchKeyEvent", **press)
    assert browser.ask("document.querySelector('section.card.now').textContent") != first
    assert browser.ask("document.querySelector('nav.deck output').textContent").startswith("2 /")


CODES = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}
FOCUS = "document.activeElement"
RINGED = (
    f"(s => s.outlineStyle !== 'none' && parseInt(s.outlineWidth) > 1)(getComputedStyle({FOCUS}))"
)


def press(browser, key):
    text = {"Enter": "\r", " ": " "}.get(key, "")
    code = {"key": key, "code": "Space" if key == " " else key}
    code |= {"windowsVirtualKeyCode": CODES[key], "text": text}
    browser.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **code)
    browser.call("Input.dispatchKeyEvent", type="keyUp", **code)


def by_tab(browser, wanted):
    """Presses Tab until what `wanted` selects has the focus; everything on the way shows it."""
    for _ in range(300):
        press(browser, "Tab")
        if browser.ask(f"{FOCUS} !== document.body"):
            assert browser.ask(RINGED), browser.ask(f"{FOCUS}.outerHTML")
        if browser.ask(f"{FOCUS}.matches({wanted!r})"):
            return
    raise AssertionError(f"Tab never comes to {wanted}")


@needs_a_browser
@pytest.mark.browser
def test_a_lecture_is_worked_by_keys_alone(site, browser):
    browser.open(site / "05-autoregressive-flows.html", 1280)
    by_tab(browser, ".skip-to-content")
    by_tab(browser, ".sidebar-search")
    theme = browser.ask("document.body.dataset.theme")
    by_tab(browser, ".theme-toggle")
    press(browser, "Enter")
    assert browser.ask("document.body.dataset.theme") != theme
    by_tab(browser, "figure.frames input")
    label = browser.ask("document.querySelector('figure.frames output').textContent")
    press(browser, "ArrowRight")
    assert browser.ask("document.querySelector('figure.frames output').textContent") != label
    by_tab(browser, ".choice.right")
    press(browser, "Enter")
    assert browser.ask("document.querySelector('details.reveal').open") is True
    by_tab(browser, "details.answer > summary")
    press(browser, " ")
    assert browser.ask(f"{FOCUS}.parentElement.open") is True
    browser.open(site / "map.html", 1280)
    by_tab(browser, "p.filter input")


@needs_a_browser
@pytest.mark.browser
def test_slides_do_what_the_button_with_the_focus_says(site, browser):
    browser.open(site / "slides" / "05-autoregressive-flows.html", 1280, 720)
    press(browser, " ")
    press(browser, " ")
    by_tab(browser, "nav.deck button[data-step='-1']")
    press(browser, " ")
    assert browser.ask("document.querySelector('nav.deck output').textContent").startswith("2 /")
