"""The generated pages as text, without Sphinx: every name, every system, no lost link."""

import re

import pytest

from pushforward.core.catalogue import examples
from pushforward.core.names import ROOMS, public_names
from pushforward.core.sources import rows
from pushforward_course.reference import api, docs, overview, systems
from pushforward_course.reference.docstrings import escaped, markdown
from pushforward_course.reference.facts import Facts, seen
from pushforward_course.reference.pages import kept


@pytest.fixture(scope="module")
def reference():
    return api.pages()


def test_every_public_name_has_an_entry(reference):
    """Names of numbers and tables of the library have no docstring, and rooms are pages."""
    entries = set(re.findall(r"^## `(\w+)`$", "\n".join(reference.values()), re.M))
    assert {name for name in public_names() if name not in ROOMS} <= entries
    assert {"fit", "RealNVP", "bits_per_dim", "Pixels", "digits", "density"} <= entries


def test_labels_of_the_reference_are_unique(reference):
    labels = re.findall(r"^\((api-[^)]+)\)=$", "\n".join(reference.values()), re.M)
    assert len(labels) == len(set(labels)) > 500


def test_every_system_has_a_page_that_links_to_what_is_there(reference):
    facts = {"nice": Facts("exact", "noise", 50)}
    pages = systems.pages(facts)
    assert set(pages) == {"index", *(row["id"] for row in rows())}
    labels = set(re.findall(r"^\((api-[^)]+)\)=$", "\n".join(reference.values()), re.M))
    for text in pages.values():
        assert set(re.findall(r"\]\(#(api-[^)]+)\)", text)) <= labels
    assert "log|det J| = 0" in pages["nice"]
    assert "arXiv\\:1410.8516" in pages["nice"]
    assert "(../04-flows.md)" in pages["nice"]
    assert "nice\\_moons" in pages["nice"]
    assert "50 operations" in pages["nice"]


def test_the_map_has_a_row_for_each_system():
    text = overview.page({"nice": Facts("exact", "noise", 50)})
    lines = [line for line in text.splitlines() if line.startswith("| [")]
    assert len(lines) == len(rows())
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 9 for line in lines)


def test_facts_are_seen_on_the_model():
    """A pass per dimension costs more than a pass; a flow's noise is had from x."""
    nice, window = (seen(examples()[name]) for name in ("nice", "window_mlp"))
    assert (nice.likelihood, nice.latent) == ("exact", "noise")
    assert window.latent == "none"
    assert 0 < nice.operations < window.operations


def test_docstrings_mean_no_more_than_they_say():
    assert escaped("*args and [a](b) $x$") == r"\*args and \[a\](b) \$x\$"
    shown = markdown("Says.\n\n    f = a_b\n\n    g = c\n\nArgs:\n    n, m: how\n        many.")
    assert "````text\nf = a_b\n\ng = c\n````" in shown
    assert "- `n, m`: how many." in shown
    assert markdown(None) == ""


def test_links_out_of_the_docs_become_names(tmp_path):
    (tmp_path / "other.md").write_text("")
    (tmp_path / "p.png").write_text("")
    text = "[a](other.md#x) [b](../README.md) [c](https://x.org) ![d](p.png)"
    shown = docs.linked(text, tmp_path)
    assert shown == "[a](other.md#x) b (`README.md`) [c](https://x.org) ![d](p.png)"


def test_what_did_not_change_keeps_its_time(tmp_path):
    page = kept(tmp_path / "a" / "page.md", "one")
    before = page.stat().st_mtime_ns
    assert kept(page, "one").stat().st_mtime_ns == before
    assert kept(page, "two").read_text() == "two"
