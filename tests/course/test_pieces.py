"""The parts of the course that run without Sphinx: sliders, tables, slides, the command."""

import json
import urllib.request
from threading import Thread

import pytest
from PIL import Image

from pushforward_course import building, mathjax
from pushforward_course.cli import main
from pushforward_course.commands.lectures import server
from pushforward_course.decks import deck
from pushforward_course.failures import CourseError
from pushforward_course.records import measured, reached
from pushforward_course.touch import Frames, slider


def square(shade):
    return Image.new("RGB", (8, 8), (shade, shade, shade))


def test_a_slider_shows_one_frame_of_all():
    text = slider(square, [0, 100, 200], "shade <s>", "{} of 255", start=1)._repr_html_()
    assert text.count("<img") == 3
    assert text.count(" hidden>") == 2
    assert 'max="2" value="1"' in text
    assert "shade &lt;s&gt;" in text
    assert "<output>100 of 255</output>" in text


@pytest.mark.parametrize(
    ("pictures", "labels", "start", "said"),
    [(2, ["a"], 0, "label for each"), (1, ["a"], 0, "at least 2"), (2, ["a", "b"], 2, "start")],
)
def test_a_bad_slider_is_refused(pictures, labels, start, said):
    with pytest.raises(ValueError, match=said):
        Frames([square(1)] * pictures, labels, "knob", start)


def test_tables_hold_what_was_recorded():
    rows = reached(["reverse_kl"])
    assert rows[0]["value"].startswith("0.69")
    assert rows[0]["preset"] == "reverse_kl"
    assert not reached(["reverse_kl"], "accuracy")
    with pytest.raises(LookupError, match="nobody"):
        reached(["nobody"])


def test_records_of_benches_are_read_by_their_keys(tmp_path):
    file = tmp_path / "bench.json"
    file.write_text(json.dumps({"a": {"b": 0.123456789, "c": [1, 2], "d": {"e": 1}}}))
    assert measured(file, ["a"]) == [("b", "0.123457"), ("c", "1 .. 2")]
    assert measured(file, ["a", "d", "e"]) == [("e", "1")]
    with pytest.raises(LookupError, match="a / x"):
        measured(file, ["a", "x"])


def test_slides_are_made_of_a_page():
    pytest.importorskip("bs4", reason="slides need the course extra")
    page = """<article><section id="s"><h1>1. Title<a class="headerlink" href="#s">#</a></h1>
      <section id="one"><h2>1.1. One</h2><p>prose</p>
        <div class="proof theorem admonition"><p class="admonition-title">Theorem 1</p></div>
        <div class="proof admonition"><p>Proof. Long.</p></div>
        <div class="course-box slide"><img src="_images/a.png"><a href="#x">x</a></div></section>
      <section id="exercises"><h2>Exercises</h2><div class="course-box slide">no</div></section>
    </section></article><script>window.MathJax = {}</script>"""
    made = deck("01-x", page)
    assert made.count('<section class="card') == 3
    assert "Theorem 1" in made
    assert "Long." not in made
    assert "prose" not in made
    assert ">no<" not in made
    assert 'src="../_images/a.png"' in made
    assert 'href="../01-x.html#x"' in made
    assert "window.MathJax" in made


def test_what_is_missing_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(building, "NEEDED", ("pushforward", "no_such_thing"))
    with pytest.raises(CourseError, match=r"no_such_thing.*pushforward\[course\]"):
        building.built(tmp_path)
    monkeypatch.setattr(building, "NEEDED", ())
    with pytest.raises(CourseError, match="no lecture 99"):
        building.built(tmp_path, 99)
    monkeypatch.setattr(mathjax.shutil, "which", lambda name: None)
    monkeypatch.delenv("PUSHFORWARD_MATHJAX", raising=False)
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path))
    with pytest.raises(CourseError, match="PUSHFORWARD_MATHJAX"):
        mathjax.mathjax()
    monkeypatch.setenv("PUSHFORWARD_MATHJAX", str(tmp_path))
    with pytest.raises(CourseError, match=r"tex-mml-chtml\.js"):
        mathjax.mathjax()


def test_serving_needs_a_built_site(tmp_path):
    with pytest.raises(SystemExit, match="pushforward-course build --out"):
        main(["serve", "--out", str(tmp_path)])
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("here")
    with server(tmp_path, 0) as running:
        thread = Thread(target=running.handle_request)
        thread.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{running.server_address[1]}/") as page:
            assert page.read() == b"here"
        thread.join()
