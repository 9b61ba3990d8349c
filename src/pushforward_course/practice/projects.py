"""The judge of a project: what is claimed must follow from what was measured.

It cannot know whether a figure was measured; the rubric's points for that are the lecturer's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .judges import numbers
from .tasks import Task, Wrong

PAPERS = Path(__file__).parents[1] / "homeworks" / "papers.json"
PLAN = ("paper", "claim", "metric", "data", "command", "seeds")
FEWEST_SEEDS, FEWEST_VALUES = 3, 4


def papers() -> list[dict[str, Any]]:
    """The papers to choose from, with milestones."""
    return json.loads(PAPERS.read_text("utf-8"))["papers"]


def listed() -> str:
    """The papers, their milestones and the rubric, as Markdown."""
    told = json.loads(PAPERS.read_text("utf-8"))
    parts = ["# Papers for the project"]
    for p in told["papers"]:
        commands = ", ".join(
            f"`pushforward train {name}`" for name in (p["baseline"], *p["presets"])
        )
        head = f"## {p['id']}: {p['title']}\n\n{p['authors']}, {p['year']}, arXiv:{p['arxiv']}"
        claim = f"Claim: {p['claim']}. Lecture {p['lecture']}. Baseline and model: {commands}."
        weeks = "\n".join(f"- week {n}: {text}" for n, text in enumerate(p["milestones"], 1))
        parts += [head, claim, weeks]
    parts.append("# Rubric")
    for entry in told["rubric"]:
        earns = "\n".join(f"- {text}" for text in entry["earns"])
        parts += [f"## {entry['task']} ({entry['points']} points)", earns]
    return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class Project:
    """Judges one part: plan, runs, summary, sweep or report."""

    part: str
    trains: ClassVar[bool] = False

    def judge(self, ask: Any, task: Task, case: Any, full: bool) -> None:
        """Asks the functions of the part. Raises Wrong where one does not follow from another."""
        if self.part != "report":
            getattr(self, self.part)(ask)

    def plan(self, ask: Any) -> None:
        """A paper of the list, a claim, how it is measured, and seeds."""
        told = _dict(ask("plan"), "plan", PLAN)
        known = [paper["id"] for paper in papers()]
        if told["paper"] not in known:
            raise Wrong(f"paper {told['paper']!r} is not in the list: {', '.join(known)}")
        if len(str(told["claim"]).split()) < 6:
            raise Wrong("the claim is too short: say what is compared with what, by which number")
        for key in ("metric", "data"):
            if not str(told[key]).strip():
                raise Wrong(f"{key} is empty")
        if not str(told["command"]).startswith(("pushforward ", "python ")):
            raise Wrong("command should be what is typed: `pushforward train ...` or `python ...`")
        _seeds(told["seeds"])

    def runs(self, ask: Any) -> None:
        """Numbers of the baseline and of the paper's model, one a seed."""
        seeds = _dict(ask("plan"), "plan", PLAN)["seeds"]
        count = len(seeds) if isinstance(seeds, list) else 0
        for key, values in zip(("baseline", "paper"), _runs(ask)):
            if len(values) != count:
                raise Wrong(f"{key} has {len(values)} numbers for {count} seeds")
            if len(np.unique(values)) == 1:
                raise Wrong(f"{key} is the same for all seeds: did the seed reach the training?")

    def summary(self, ask: Any) -> None:
        """Means, their standard errors, the paired difference, and whether it decides."""
        base, paper = _runs(ask)
        if len(base) != len(paper):
            raise Wrong("runs() has not as many numbers of the baseline as of the paper")
        told = _dict(ask("summary"), "summary", ("baseline", "paper", "difference", "decided"))
        pairs = {"baseline": base, "paper": paper, "difference": paper - base}
        for key, values in pairs.items():
            wanted = np.array([values.mean(), values.std(ddof=1) / len(values) ** 0.5])
            given = numbers(told[key])
            if given is None or given.shape != (2,):
                raise Wrong(f"{key} should be [mean, standard error]")
            if not np.allclose(given, wanted, rtol=2e-2, atol=1e-6):
                raise Wrong(f"{key} does not follow from runs(): see its mean and standard error")
        mean, error = (paper - base).mean(), (paper - base).std(ddof=1) / len(base) ** 0.5
        if told["decided"] is not bool(abs(mean) > 2 * error):
            raise Wrong("decided should be whether the difference is more than two standard errors")

    def sweep(self, ask: Any) -> None:
        """One knob at four values or more, and a number for each."""
        told = _dict(ask("sweep"), "sweep", ("knob", "values", "results"))
        values, results = numbers(told["values"]), numbers(told["results"])
        if values is None or values.ndim != 1 or len(np.unique(values)) < FEWEST_VALUES:
            raise Wrong(f"values should be {FEWEST_VALUES} different numbers or more")
        if results is None or results.shape != values.shape or not np.isfinite(results).all():
            raise Wrong("results should be a finite number for each of the values")
        if not np.all(np.diff(values) > 0):
            raise Wrong("values should rise, as they stand on a picture's axis")
        if len(np.unique(results)) == 1:
            raise Wrong("all results are the same: was the knob connected?")
        if not str(told["knob"]).strip():
            raise Wrong("knob is empty")


def _dict(told: Any, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise Wrong(f"{name}() should give a dict")
    missing = [key for key in keys if key not in told]
    if missing:
        raise Wrong(f"{name}() lacks {', '.join(missing)}")
    return told


def _seeds(told: Any) -> list[int]:
    if not isinstance(told, list) or not all(type(seed) is int for seed in told):
        raise Wrong("seeds should be a list of whole numbers")
    if len(set(told)) != len(told) or len(told) < FEWEST_SEEDS:
        raise Wrong(f"seeds should be {FEWEST_SEEDS} different ones or more")
    return told


def _runs(ask: Any) -> tuple[np.ndarray, np.ndarray]:
    told = _dict(ask("runs"), "runs", ("baseline", "paper"))
    base, paper = (numbers(told[key]) for key in ("baseline", "paper"))
    for key, values in (("baseline", base), ("paper", paper)):
        if values is None or values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
            raise Wrong(f"{key} should be a list of finite numbers")
    return np.asarray(base), np.asarray(paper)
