"""What was translated: every word of ours, nothing stale, and the same mathematics and roles."""

import io
import re
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="translations need the course extra")
from babel.messages.pofile import read_po

import pushforward_course
from pushforward_course import mathjax, messages, records, settings, words
from pushforward_course.cli import main

OURS = Path(pushforward_course.__file__).parent
TOLD = re.compile(
    r"""say\(["'](.+?)["']\)|(?:opening|summary) = "(\w[^"]*)"|"nb_code_prompt_\w+": "(.+)\""""
)
LEVELS = {"recall", "derive", "proof", "code"}
WHOLE = "01-divergences"  # the lecture that is said in every language, whole
DECKS = {"slides", "back", "on", "text", "In short."}
KEPT = re.compile(r"\$\$.+?\$\$|\$[^$]+\$|\{[\w:-]+\}`[^`]+`|`[^`]+`", re.S)


def catalogues():
    return sorted(words.LOCALE.rglob("*.po"))


def read(file):
    with file.open("rb") as po:
        return read_po(po)


def said():
    files = [*OURS.glob("*.py"), *(OURS / "extensions").glob("*.py")]
    found = (TOLD.findall(file.read_text("utf-8")) for file in files if file.name != "words.py")
    return {next(filter(None, groups)) for file in found for groups in file}


def test_every_word_of_ours_is_translated_and_none_is_stale():
    wanted = {*said(), *LEVELS, *DECKS, *records.COLUMNS}
    wanted.add(settings.settings(Path(), Path(), None)["html_title"])
    for language in words.LANGUAGES[1:]:
        known = read(words.LOCALE / language / "LC_MESSAGES" / "course.po")
        assert {message.id for message in known if message.id} == wanted
        assert not known.obsolete


@pytest.mark.parametrize("file", catalogues(), ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_translations_keep_mathematics_and_roles(file):
    for message in read(file):
        if not message.id:
            continue
        assert message.string, message.id
        assert not message.fuzzy, message.id
        assert Counter(KEPT.findall(message.id)) == Counter(KEPT.findall(message.string))


def catalogue(language):
    return read(words.LOCALE / language / "LC_MESSAGES" / f"{WHOLE}.po")


def prose(page):
    """Pieces of a lecture that a reader reads: without code, formulas, options and markup."""
    text = page.read_text("utf-8").split("---", 2)[2]
    text = re.sub(r"^(`{3,}).*?^\1$|\$\$.*?\$\$", "", text, flags=re.M | re.S)
    lines = [re.sub(r"^(#+|-|\d+\.|:choices:)\s+", "", line.strip()) for line in text.split("\n")]
    bare = [line for line in lines if not re.match(r"[:(]|\|[-|]", line)]
    pieces = [piece.strip() for line in bare for piece in line.strip("|").split(" | ")]
    return [piece for piece in pieces if re.search(r"[a-z]{3}", re.sub(KEPT, "", piece))]


@pytest.mark.parametrize("language", words.LANGUAGES[1:])
def test_all_prose_of_a_whole_lecture_is_in_its_catalogue(language):
    known = "\n".join(message.id for message in catalogue(language) if message.id)
    pieces = prose(settings.LECTURES / f"{WHOLE}.md")
    assert len(pieces) > 150
    assert not [piece for piece in pieces if piece not in known]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Sphinx deprecates what its extensions still use
@pytest.mark.parametrize("language", words.LANGUAGES[1:])
def test_a_whole_lecture_lacks_no_message_and_holds_none_that_is_stale(language, tmp_path):
    (template,) = messages.extracted(tmp_path, WHOLE)
    assert {m.id for m in read(template)} == {m.id for m in catalogue(language)}


def built(language, out):
    """The lecture's page, its cells not run, and what Sphinx complained of."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    locale = words.compiled(out / "locale")
    chosen = settings.settings(mathjax.mathjax(), out / "cache", 1)
    chosen |= settings.in_language(language, locale) | {"nb_execution_mode": "off"}
    chosen |= {"include_patterns": [f"{WHOLE}.md"], "root_doc": WHOLE}
    folders = (str(settings.LECTURES), None, str(out / "html"), str(out / "doctrees"))
    complaints = io.StringIO()
    with docutils_namespace():  # another build of this process may have left its directives
        Sphinx(*folders, "html", confoverrides=chosen, status=None, warning=complaints).build()
    return (out / "html" / f"{WHOLE}.html").read_text("utf-8"), complaints.getvalue()


def mathematics(page):
    formulas = re.findall(r"\\\(.+?\\\)|\\\[.+?\\\]", page, re.S)
    return Counter(" ".join(formula.split()) for formula in formulas)


def references(page):
    return Counter(re.findall(r'class="[^"]*internal" href="(#[^"]+)"', page))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Sphinx deprecates what its extensions still use
@pytest.mark.parametrize("language", words.LANGUAGES[1:])
def test_a_whole_lecture_is_built_with_the_same_formulas_and_references(language, tmp_path):
    if not mathjax.at_hand():
        pytest.skip("MathJax was never fetched: run `pushforward-course build` once")
    english, _ = built("en", tmp_path / "en")
    page, complaints = built(language, tmp_path / language)
    assert not complaints
    assert sum(mathematics(page).values()) > 500
    assert mathematics(page) == mathematics(english)
    assert references(page) == references(english)
    wanted = [m.string for m in catalogue(language) if m.id and not KEPT.search(m.id)]
    plain = [text for text in wanted if re.fullmatch(r"[\w ,;–-]+", text)]
    assert len(plain) > 50
    assert not [text for text in plain if text not in page]


@pytest.mark.parametrize("page", [*settings.pages(), settings.LECTURES / "index.md"])
def test_every_page_has_its_title(page):
    title = re.search(r"^# (.+)$", page.read_text("utf-8"), re.M)[1]
    for language in words.LANGUAGES[1:]:
        known = read(words.LOCALE / language / "LC_MESSAGES" / f"{page.stem}.po")
        assert known.get(title).string


def test_a_language_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SystemExit, match="no language 'de': there are en, ru"):
        main(["build", "--language", "de", "--out", str(tmp_path)])
