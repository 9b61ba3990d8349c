"""Rows made by hand, so that a page needs no training; and work for the workers of a comparison."""

from __future__ import annotations

import os
import signal
import time

import torch

from pushforward.core.likelihood import EXACT, LOWER_BOUND, Likelihood, importance_weighted
from pushforward.data import digits
from pushforward.metrics.bootstrap import normal_interval
from pushforward.metrics.measurement import Measurement
from pushforward.metrics.samples import SampleQuality
from pushforward.report.row import Row
from pushforward.training.reports import Report

X = digits().train.tensors[0]
LOOK = "small classifier of digits@0123abcd"


def quality(distance: float, precision: float, recall: float) -> SampleQuality:
    about = {"samples": 347, "references": 347, "extractor": LOOK}
    error = 0.05 * distance
    interval = normal_interval(distance, error)
    return SampleQuality(
        Measurement("Frechet distance", distance, error, interval=interval, **about),
        Measurement("precision", precision, 0.02, higher_is_better=True, **about),
        Measurement("recall", recall, 0.03, higher_is_better=True, **about),
    )


def bits(value: float, kind=EXACT) -> Likelihood:
    nats = value * 64 * 0.6931471805599453
    return Likelihood(nats, kind, 0.01 * nats, 347, 64, "bits/dim")


def history(stages: tuple[str, ...] = ("train",), players: tuple[str, ...] = ("model",)):
    reports = []
    for step in range(1, 21):
        stage = stages[(step - 1) * len(stages) // 20]
        terms = {f"{p}/nll": 90 + 60 / step + 10 * i for i, p in enumerate(players)}
        held = {k: v + 0.2 * step for k, v in terms.items()} if step % 2 == 0 else None
        loss = terms[f"{players[0]}/nll"]
        reports.append(Report(step, 20, stage, loss, terms, held, 100.0, 0.1 * step))
    return reports


def row(
    name: str, model: str, family: str, likelihood: Likelihood | None, seen: SampleQuality, **more
) -> Row:
    values = {
        "title": f"{model} spelt out in so many words",
        "about": f"{model} on 8x8 digits, learned & measured <here>.",
        "data": "digits",
        "parameters": 123_456,
        "train_seconds": 12.3,
        "samples_per_second": 1000.0 * (1 + len(name)),
        "seed": 0,
        "samples": X[:64],
        "neighbours": X[64:72],
        "walk": None,
        "history": history(),
        "untrained": bits(4.1) if likelihood else None,
        "untrained_quality": quality(130.0, 0.0, 0.0),
    }
    return Row(name, model, family, likelihood=likelihood, quality=seen, **{**values, **more})


def rows() -> list[Row]:
    """Seven models of five families and the baseline, as the whole comparison has them."""
    baseline = {"family": "baseline", "likelihood": bits(2.426), "history": []}
    two = history(("codec", "prior"))
    game = history(players=("critic", "generator"))
    return [
        row("independent_digits", "Independent", seen=quality(66.4, 0.48, 0.35), **baseline),
        row("gmm_digits", "GMM", "latent", bits(2.31), quality(21.0, 0.62, 0.58)),
        row("made_digits", "MADE", "autoregressive", bits(2.12), quality(11.2, 0.71, 0.75)),
        row("realnvp_digits", "RealNVP", "flow", bits(2.27, LOWER_BOUND), quality(18, 0.6, 0.7)),
        row(
            "vamp_digits", "VAE", "latent", bits(2.2, importance_weighted(50)),
            quality(9.4, 0.83, 0.7), walk=X[100:132],
        ),
        row("wgan_gp_digits", "WGANGP", "adversarial", None, quality(8.1, 0.88, 0.61),
            history=game, walk=X[200:232]),
        row("vq_vae_digits", "TwoStage", "discrete", bits(2.3, LOWER_BOUND),
            quality(14.5, 0.79, 0.66), history=two),
        row("ddpm_digits", "DDPM", "score", bits(2.25, LOWER_BOUND), quality(4.6, 0.91, 0.82),
            samples_per_second=31.0),
    ]  # fmt: skip


def quick(name: str) -> Row:
    """What a worker does for a row without training."""
    torch.manual_seed(0)
    return next(row for row in rows() if row.name == name)


def made_fails(name: str) -> Row:
    if name == "made_digits":
        raise RuntimeError("a loss became <NaN>")
    return quick(name)


def made_is_killed(name: str) -> Row:
    if name == "made_digits":
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(name)


def made_never_ends(name: str) -> Row:
    if name == "made_digits":
        time.sleep(600)
    return quick(name)
