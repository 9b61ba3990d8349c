"""What was translated: every word of ours, nothing stale, and the same mathematics and roles."""

import re
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="translations need the course extra")
from babel.messages.pofile import read_po

import pushforward_course
from pushforward_course import settings, words
from pushforward_course.cli import main

OURS = Path(pushforward_course.__file__).parent
TOLD = re.compile(
    r"""say\(["'](.+?)["']\)|(?:opening|summary) = "(\w[^"]*)"|"nb_code_prompt_\w+": "(.+)\""""
)
LEVELS = {"recall", "derive", "proof", "code"}
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
    wanted = {*said(), *LEVELS, *DECKS, settings.settings(Path(), Path(), None)["html_title"]}
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


@pytest.mark.parametrize("page", [*settings.pages(), settings.LECTURES / "index.md"])
def test_every_page_has_its_title(page):
    title = re.search(r"^# (.+)$", page.read_text("utf-8"), re.M)[1]
    for language in words.LANGUAGES[1:]:
        known = read(words.LOCALE / language / "LC_MESSAGES" / f"{page.stem}.po")
        assert known.get(title).string


def test_a_language_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SystemExit, match="no language 'de': there are en, ru"):
        main(["build", "--language", "de", "--out", str(tmp_path)])
