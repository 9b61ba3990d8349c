"""Two processes with half of each batch, and parts of a batch in one process, do as one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pushforward as pf
from pushforward.core import shares
from pushforward.core.catalogue import examples

ROOT = Path(__file__).parents[2]
KINDS = [  # a loss, a game of slopes, closed forms, a codebook, batch moments, strata, two stages
    "vae", "wgan_gp", "gmm", "ppca", "independent", "vq_vae", "realnvp", "ddpm", "two_stage",
]  # fmt: skip


def torchrun(script, *arguments, timeout=120):
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*words, *script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        cwd=ROOT,
    )


def ours(text):
    return [line for line in text.splitlines() if line.startswith(("pushforward:", "process 1"))]


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tmp_path):
    done = torchrun([ROOT / "tests" / "ranks.py"], "--steps", 4, *KINDS)
    assert done.returncode == 0, done.stdout + done.stderr[-2_000:]
    assert f"{len(KINDS)} of {len(KINDS)}" in done.stdout


@pytest.mark.slow
def test_the_first_process_alone_speaks_and_writes(tmp_path):
    out = tmp_path / "out"
    train = ["-m", "pushforward", "train", "realnvp_moons", "--quiet", "--out", out]
    odd = torchrun(train[:2] + train[2:], "--batch-size", 33)
    assert odd.returncode != 0
    (said,) = ours(odd.stderr)
    assert "33 cannot be cut evenly over 2" in said
    assert "such as 34" in said
    done = torchrun(train, "--steps", 6, "--batch-size", 32)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout.count("saved ") == 1
    steps = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert steps[-1] == 6
    model = pf.load(out / "checkpoint.safetensors")
    assert bool(torch.isfinite(model.sample(4)).all())


@pytest.mark.parametrize("name", ["vae", "wgan_gp", "ddpm", "planar_posterior", "maf"])
def test_parts_of_a_batch_have_the_noise_of_the_whole(name):
    example = examples()[name]
    losses = []
    for parts in (1, 3):
        torch.manual_seed(0)
        recipe = pf.Recipe(3, 32, accumulate=parts, validate_every=0, report_every=1)
        training = pf.Training(example.build(), pf.data.find(example.data), recipe)
        losses.append([report.loss for report in training])
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)


@pytest.mark.parametrize(
    "draw",
    [
        lambda n: torch.randn(n, 3),
        lambda n: torch.rand(5, n),
        lambda n: torch.randint(7, (n, 2)),
        lambda n: torch.randn_like(torch.empty(3, n).T),
        lambda n: torch.randn_like(torch.empty(1, 3).expand(n, 3)),
        lambda n: torch.empty(n, 4)[:, :2].normal_(),
        lambda n: torch.distributions.Normal(torch.zeros(n), 1.0).rsample((2,)),
        lambda n: torch.distributions.Bernoulli(torch.full((n, 3), 0.5)).sample(),
        lambda n: torch.distributions.Categorical(torch.ones(n, 3)).sample(),
        lambda n: torch.nn.functional.dropout(torch.ones(n, 4)),
        lambda n: torch.nn.functional.gumbel_softmax(torch.zeros(n, 3)),
    ],
)
def test_every_draw_is_rows_of_the_whole_batchs(draw):
    torch.manual_seed(0)
    whole = draw(12)
    parts = []
    for i in range(3):
        torch.manual_seed(0)
        with shares.Share(shares.part_of(12, i, 3), 12):
            parts.append(draw(4))
    d = next(i for i, size in enumerate(whole.shape) if size == 12)
    assert torch.equal(torch.cat(parts, d), whole)


def test_strata_are_shared_out():
    orders = []
    for i in range(3):
        torch.manual_seed(0)
        with shares.Share(shares.part_of(12, i, 3), 12):
            order, n = shares.places(4, torch.device("cpu"))
        orders.append(order)
        assert n == 12
    assert torch.cat(orders).sort().values.tolist() == list(range(12))
