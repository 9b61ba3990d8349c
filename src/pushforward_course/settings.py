"""What Sphinx is told: one dictionary, no conf.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LECTURES = HERE / "lectures"
STATIC = HERE / "static"

MACROS = {
    "R": r"\mathbb{R}",
    "E": r"\operatorname{\mathbb{E}}",
    "Var": r"\operatorname{Var}",
    "Cov": r"\operatorname{Cov}",
    "KL": [r"\operatorname{KL}(#1\,\|\,#2)", 2],
    "D": [r"D_{#1}(#2\,\|\,#3)", 3],
    "JSD": r"\operatorname{JSD}",
    "TV": r"\operatorname{TV}",
    "N": r"\mathcal{N}",
    "F": r"\mathcal{F}",
    "X": r"\mathcal{X}",
    "1": r"\mathbf{1}",
    "tr": r"\operatorname{tr}",
    "diag": r"\operatorname{diag}",
    "argmin": r"\operatorname*{arg\,min}",
    "argmax": r"\operatorname*{arg\,max}",
    "ELBO": r"\operatorname{ELBO}",
    "sigm": r"\operatorname{\sigma}",
}

TYPES = ("theorem", "proposition", "lemma", "corollary", "definition", "example", "algorithm")


def settings(mathjax: Path, cache: Path, lecture: int | None) -> dict[str, Any]:
    """Sphinx's configuration. Cells of all lectures run, or those of one."""
    return {
        **_text(),
        **_mathematics(),
        **_cells(cache, lecture),
        **_looks(),
        "course_mathjax": str(mathjax),
    }


def _text() -> dict[str, Any]:
    return {
        "project": "Deep generative models",
        "author": "the authors of Pushforward",
        "language": "en",
        "extensions": [
            "myst_nb",
            "sphinx.ext.mathjax",
            "sphinx_proof",
            *(f"pushforward_course.extensions.{name}" for name in EXTENSIONS),
        ],
        "root_doc": "index",
        "nitpicky": True,
        "numfig": True,
        "numfig_secnum_depth": 1,
        "prf_realtyp_to_countertyp": dict.fromkeys(TYPES, "theorem"),
        "proof_title_format": " (%t)",
        "myst_enable_extensions": [
            "dollarmath",
            "amsmath",
            "colon_fence",
            "deflist",
            "attrs_block",
        ],
        "myst_heading_anchors": 3,
        "myst_dmath_double_inline": True,
        # Cells that were not asked for are not run, and then nobody knows their language.
        "suppress_warnings": ["myst.mathjax", "myst-nb.lexer"],
        "gettext_uuid": False,
        "smartquotes": False,
    }


EXTENSIONS = ("spoken", "boxes", "code_of", "checked", "numbers", "numbering", "slides")


def _mathematics() -> dict[str, Any]:
    return {
        "mathjax_path": "mathjax/tex-mml-chtml.js",
        "mathjax3_config": {
            "tex": {"macros": MACROS, "tags": "none"},
            # The menu would fetch its own parts; without it a page asks for nothing else.
            "options": {"enableMenu": False},
        },
        "math_number_all": False,
        "math_eqref_format": "({number})",
    }


def _cells(cache: Path, lecture: int | None) -> dict[str, Any]:
    others = [] if lecture is None else [p.name for p in pages() if number(p) != lecture]
    return {
        "nb_execution_mode": "cache",
        "nb_execution_cache_path": str(cache),
        "nb_execution_timeout": 600,
        "nb_execution_raise_on_error": True,
        "nb_execution_excludepatterns": others,
        "nb_merge_streams": True,
        "nb_output_stderr": "error",  # a warning of a cell is a loose end
        "nb_execution_in_temp": True,
        "nb_code_prompt_show": "Show the code",
        "nb_code_prompt_hide": "Hide the code",
    }


def _looks() -> dict[str, Any]:
    return {
        "html_theme": "furo",
        "html_title": "Deep generative models",
        "html_static_path": [str(STATIC)],
        "html_css_files": ["course.css"],
        "html_js_files": ["course.js"],
        "html_copy_source": False,
        "html_show_sphinx": False,
        "html_show_copyright": False,
        "html_theme_options": {"navigation_with_keys": True},
    }


def in_language(language: str, locale: Path) -> dict[str, Any]:
    """What is said in the language of the site, whose catalogues were compiled below `locale`."""
    return {"language": language, "locale_dirs": [str(locale)], "gettext_compact": False}


def pages() -> list[Path]:
    """The Markdown of all lectures, in order."""
    return sorted(LECTURES.glob("[0-9][0-9]-*.md"))


def number(page: Path) -> int:
    """A lecture's number, by its file's name."""
    return int(page.stem.split("-")[0])
