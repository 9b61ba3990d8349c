"""SAGAN and BigGAN: attention, unit norms, noise in parts, overlapping filters, truncation."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

import pushforward as pf
from pushforward.models.adversarial.biggan import BigGAN, biggan, overlap
from pushforward.models.adversarial.sagan import SAGAN, TWO_RATES, sagan
from pushforward.nn.biggan import BigGANGenerator
from pushforward.nn.self_attention import SelfAttention
from pushforward.objectives.adversarial import Hinge
from pushforward.probability.truncated_normal import truncated_normal

LAYERS = nn.Linear, nn.Conv2d


def largest(weight):
    return torch.linalg.svdvals(weight.detach().flatten(1)).max().item()


def few_digits(n=64):
    x, y = pf.data.digits(labels=True).train.at(slice(0, n))
    space = pf.Pixels(1, 8, 8, levels=17)
    return pf.Dataset("few", space, *[pf.Split((x, y))] * 3, given=pf.Labels(10))


def trained(model, steps=25):
    recipe = pf.Recipe(steps, 32, pf.Adam(1e-3, (0, 0.9)), ema=0.9, validate_every=0)
    return pf.fit(model, few_digits(), recipe, quiet=True)


@pytest.mark.parametrize("build", [sagan, biggan])
def test_every_layer_of_both_networks_has_norm_one_while_they_learn(build):
    """The iteration is torch's, one step a pass; what it divides by is checked by an exact SVD."""
    torch.manual_seed(0)
    model = build()
    recipe = pf.Recipe(40, 32, pf.Adam(2e-4, (0, 0.9)), validate_every=0)
    list(pf.Training(model, few_digits(), recipe))
    for network in (model.generator, model.critic):
        layers = {n: m for n, m in network.named_modules() if isinstance(m, LAYERS)}
        free = [n for n in layers if n == "shared"]
        assert free == (["shared"] if build is biggan and network is model.generator else [])
        for name, layer in layers.items():
            if name not in free:
                assert largest(layer.weight) == pytest.approx(1, abs=0.05), name


def test_a_layer_is_divided_as_by_torchs_own_spectral_norm():
    torch.manual_seed(0)
    model = sagan().eval()
    layer = model.critic.net.net[0].mix
    theirs = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1)
    theirs.weight.data.copy_(layer.parametrizations.weight.original.data)
    theirs = spectral_norm(theirs, n_power_iterations=200).train()
    theirs(torch.zeros(1, layer.in_channels, 3, 3))
    torch.testing.assert_close(layer.weight, theirs.weight, rtol=0.02, atol=1e-4)


@pytest.mark.parametrize("build", [sagan, biggan])
def test_both_networks_attend_and_learn_to(build):
    model = build()
    gates = [m.gamma for m in model.modules() if isinstance(m, SelfAttention)]
    assert [gate.item() for gate in gates] == [0, 0]
    list(pf.Training(model, few_digits(), pf.Recipe(3, 32, validate_every=0)))
    assert all(gate.item() != 0 for gate in gates)


@pytest.mark.parametrize("kind", [SAGAN, BigGAN])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_images_of_all_sizes_are_made(kind, shape):
    torch.manual_seed(0)
    model = kind(pf.Pixels(*shape), latent=60, width=2, classes=3).eval()
    y = torch.tensor([0, 2])
    model.space.check(model.sample(2, y))
    where = [m.key.in_channels for m in model.modules() if isinstance(m, SelfAttention)]
    assert len(where) == 2
    assert kind(pf.Pixels(*shape), latent=60, width=2, attention=0).given is None


def test_sagan_plays_by_the_hinge_at_two_rates():
    model = SAGAN(pf.Pixels(1, 8, 8), latent=4, width=2)
    assert model.objective == Hinge()
    assert [p.turns for p in model.players()] == [1, 1]
    assert set(TWO_RATES) == {p.name for p in model.players()}


def test_noise_enters_at_each_scale():
    """The last part of the noise is heard by the last block alone."""
    torch.manual_seed(0)
    net = BigGANGenerator(12, (1, 32, 32), 4, context=3, embedding=5).eval()
    growing, seen = net.net.net, []
    for block in growing.blocks:
        block.register_forward_hook(lambda *passed: seen.append(passed[2].detach()))
    z, c = torch.randn(2, 12), torch.eye(3)[:2]
    for part in (3, 2, 1, 0):
        seen.clear()
        net(z, c)
        moved = z.clone()
        moved[:, 3 * part : 3 * part + 3] += 1
        net(moved, c)
        same = [torch.equal(a, b) for a, b in zip(seen[:3], seen[3:])]
        assert same == [i < part - 1 for i in range(3)]


def test_all_blocks_share_one_embedding():
    torch.manual_seed(0)
    net = BigGANGenerator(12, (1, 32, 32), 4, context=3, embedding=5).eval()
    z, c = torch.randn(2, 12), torch.eye(3)[:2]
    before = net(z, c)
    swapped = c[[1, 0]]
    net.shared.weight.data = net.shared.weight.data[:, [1, 0, 2]]
    torch.testing.assert_close(net(z, swapped), before)
    heard = [m.told.in_features for m in net.modules() if getattr(m, "told", None) is not None]
    assert heard == [5 + 3] * 6


def test_filters_overlap_by_their_inner_products():
    weight = torch.randn(5, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    pairs = list(combinations(weight.flatten(1), 2))
    written = sum(2 * (a @ b) ** 2 for a, b in pairs)
    torch.testing.assert_close(overlap(weight), written)
    orthogonal = nn.init.orthogonal_(torch.empty(5, 12, dtype=torch.float64)) * 3
    assert overlap(orthogonal).item() == pytest.approx(0, abs=1e-12)


def test_the_generator_pays_for_overlap_but_not_in_the_embedding():
    torch.manual_seed(0)
    model = biggan()
    x, y = few_digits().train.at(slice(0, 8))
    params = dict(model.generator.named_parameters())
    written = sum(
        (w @ w.mT - torch.diag((w @ w.mT).diag())).square().sum()
        for w in (p.flatten(1) for n, p in params.items() if p.dim() > 1 and n != "shared.weight")
    )
    term = model.generator_loss(x, y)["orthogonality"]
    torch.testing.assert_close(term, 1e-4 * written)
    (gradient,) = torch.autograd.grad(term, params["shared.weight"], allow_unused=True)
    assert gradient is None
    plain = BigGAN(model.space, 8, 4, orthogonality=0.0)
    assert "orthogonality" not in plain.generator_loss(x)


def test_weights_start_orthogonal():
    model = biggan()
    weight = model.critic.net.net[0].mix.parametrizations.weight.original.flatten(1)
    torch.testing.assert_close(weight @ weight.mT, torch.eye(len(weight)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("threshold", [0.04, 0.5, 2.0])
def test_a_truncated_normal_is_scipys(threshold):
    torch.manual_seed(0)
    n = 20_000
    z = truncated_normal((n // 10, 10), threshold, dtype=torch.float64)
    assert z.shape == (n // 10, 10)
    assert z.abs().max() <= threshold
    found = stats.kstest(z.flatten().numpy(), stats.truncnorm(-threshold, threshold).cdf).statistic
    assert found < math.sqrt(math.log(2 / 1e-9) / (2 * n))  # one draw in a billion is farther


def test_samples_are_of_truncated_noise():
    torch.manual_seed(0)
    model, y = trained(biggan()), torch.zeros(200, dtype=torch.int64)
    spread = []
    for truncation in (0.05, 0.5, None):
        torch.manual_seed(1)
        x = model.sample(200, y, truncation=truncation).float()
        spread.append(x.std(0).mean().item())
    assert spread == sorted(spread)
    torch.manual_seed(2)
    z = truncated_normal((200, model.latent), 0.5)
    torch.manual_seed(2)
    assert torch.equal(model.push(z, y), model.sample(200, y, truncation=0.5))
    parts = torch.cat(list(model.draws(200, y, size=64, truncation=0.5)))
    assert parts.shape == x.shape


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan"), float("inf")])
def test_a_threshold_that_is_none_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold"):
        BigGAN(pf.Pixels(1, 8, 8), 4, 2).sample(2, truncation=threshold)


def test_settled_statistics_are_the_mean_of_the_batches():
    torch.manual_seed(0)
    model = trained(biggan())
    norm = model.generator.net.net.norm
    seen = []
    handle = norm.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0]))
    torch.manual_seed(3)
    assert model.settle(passes=5, size=20) is model
    handle.remove()
    means = torch.stack([h.mean((0, 2, 3)) for h in seen])
    variances = torch.stack([h.transpose(0, 1).flatten(1).var(1) for h in seen])
    assert len(seen) == 5
    torch.testing.assert_close(norm.running_mean, means.mean(0))
    torch.testing.assert_close(norm.running_var, variances.mean(0))
    assert not any(m.training for m in model.modules())
    assert norm.momentum == 0.1


def test_what_cannot_be_made_is_refused():
    for kind in (SAGAN, BigGAN):
        with pytest.raises(ValueError, match="is for images"):
            kind(pf.Reals((2,)))
        with pytest.raises(ValueError, match="classes"):
            kind(pf.Pixels(1, 8, 8), classes=-1)
    with pytest.raises(ValueError, match="3 parts of one length: latent must be a multiple of 3"):
        BigGAN(pf.Pixels(1, 28, 28), latent=128)
    with pytest.raises(ValueError, match="orthogonality"):
        BigGAN(pf.Pixels(1, 28, 28), orthogonality=-1.0)
