"""VQ-VAE-2: its bound by hand, what each level is told, its priors by enumeration and counting."""

import itertools
import math

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.models.discrete.code_pyramid import (
    CodeMap,
    CodePyramid,
    ToldCodes,
    most_recognised,
    usual_priors,
)
from pushforward.models.discrete.vq_vae2 import VQVAE2
from pushforward.probability.quantisation import VectorQuantiser

SPACE = pf.Pixels(1, 8, 8, levels=17)


def codec(levels=2, codes=5, classes=0):
    books = tuple(VectorQuantiser(codes + i, 4 + i) for i in range(levels))
    return VQVAE2(SPACE, books, width=8, halvings=(1,) * levels, blocks=1, classes=classes)


def images(n=3):
    return torch.randint(0, 17, (n, 1, 8, 8), dtype=torch.uint8)


class TestCodec:
    @pytest.mark.parametrize("levels", [2, 3])
    def test_the_bound_is_what_codes_cost_and_what_they_leave_open(self, levels):
        model, x = codec(levels).double(), images()
        codes = model.encode(x)
        assert [tuple(c.shape[1:]) for c in codes] == [(4, 4), (2, 2), (1, 1)][:levels]
        left = model.decode(codes).log_prob(x.long()).sum((1, 2, 3))
        cost = sum(math.log(5 + i) * math.prod(c.shape[1:]) for i, c in enumerate(codes))
        torch.testing.assert_close(model.elbo(x), left - cost)

    def test_the_top_is_named_before_the_finest_level_and_tells_it(self):
        """Another codebook below changes no code above; one above changes what is named below."""
        model, x = codec(), images(8)
        _fine, top = model.encode(x)
        named = next(iter(model._seen(x)))[0]
        with torch.no_grad():
            model.quantisers[0].codebook.add_(torch.randn(5, 4))
        assert torch.equal(model.encode(x)[1], top)
        with torch.no_grad():
            model.quantisers[1].codebook.add_(torch.randn(6, 5))
        assert not torch.allclose(next(iter(model._seen(x)))[0], named)

    def test_gradients_pass_the_codes_straight_through_and_reach_every_level(self):
        model = codec(3)
        torch.stack([t.mean() for t in model.loss(images()).values()]).sum().backward()
        for encoder in model.levels.encoders:
            assert encoder.enter.weight.grad.abs().sum() > 0

    def test_every_codebook_moves_by_the_means_of_its_own_vectors(self):
        model, x = codec(), images(16)
        z = list(model._seen(x))[1][0].reshape(-1, 5)
        chosen = model.quantisers[1].nearest(z)
        model.update(1, x)
        for code in chosen.unique():
            mean = z[chosen == code].mean(0)
            torch.testing.assert_close(model.quantisers[1].codebook[code], mean)

    def test_levels_and_codes_that_do_not_fit_are_refused(self):
        book = VectorQuantiser(4, 4)
        with pytest.raises(ValueError, match="1 quantisers and halvings"):
            VQVAE2(SPACE, (book,), halvings=(1, 1))
        with pytest.raises(ValueError, match="encodes images"):
            VQVAE2(pf.Reals((3,)), (book, book))
        with pytest.raises(ValueError, match="codes of 2 levels, not of 1"):
            codec().decode((torch.zeros(1, 4, 4, dtype=torch.long),))


class TestPriors:
    def prior(self):
        below, above = pf.Tokens((2, 2), 3), pf.Tokens((1, 1), 2)
        grid = pf.GatedPixelCNN(below, 6, 1, first=3, context=4, embedding=4)
        return ToldCodes(grid, CodeMap(above, 4, (2, 2), 6, 1)).double()

    def test_a_prior_told_codes_sums_to_one_for_each_of_them_and_hears_them(self):
        prior = self.prior()
        every = torch.tensor(list(itertools.product(range(3), repeat=4))).view(-1, 2, 2)
        sums, tables = [], []
        for code in (0, 1):
            above = torch.full((len(every), 1, 1), code)
            tables.append(prior.log_prob(every, above))
            sums.append(tables[-1].exp().sum().item())
        assert sums == pytest.approx([1, 1])
        assert not torch.allclose(*tables)

    def test_what_is_drawn_has_those_probabilities(self):
        torch.manual_seed(0)
        prior, n = self.prior(), 4_000
        above = torch.ones(n, 1, 1, dtype=torch.long)
        drawn = prior.sample(n, above).flatten(1)
        every = torch.tensor(list(itertools.product(range(3), repeat=4))).view(-1, 2, 2)
        chances = prior.log_prob(every, above[: len(every)]).exp()
        index = (drawn * torch.tensor([27, 9, 3, 1])).sum(1)
        counts = torch.bincount(index, minlength=81).double()
        chi2 = ((counts - n * chances) ** 2 / (n * chances)).sum().item()
        assert chi2 < 80 + 5 * (2 * 80) ** 0.5

    def test_the_bound_adds_up_the_priors_of_all_levels(self):
        model = codec(3)
        pyramid = CodePyramid(model, usual_priors(model, 8, 1)).double()
        x = images()
        fine, middle, top = pyramid.encode(x)
        a, b, c = pyramid.priors
        costs = a.log_prob(fine, middle) + b.log_prob(middle, top) + c.log_prob(top)
        left = model.decode((fine, middle, top)).log_prob(x.long()).sum((1, 2, 3))
        torch.testing.assert_close(pyramid.elbo(x), costs + left)

    def test_stages_are_the_codec_and_then_the_top_first(self):
        model = codec()
        pyramid = CodePyramid(model, usual_priors(model, 8, 1, classes=10), codec_share=0.6)
        assert pyramid.given == pf.Labels(10)
        x, y = images(), torch.tensor([0, 1, 2])
        stages = pyramid.stages()
        assert [s.name for s in stages] == ["codec", "top", "level 0"]
        assert [s.share for s in stages] == pytest.approx([0.6, 0.2, 0.2])
        fine, top = model.encode(x)
        assert all(map(torch.equal, stages[0].view(x, y), (x,)))
        assert all(map(torch.equal, stages[1].view(x, y), (top, y)))
        assert all(map(torch.equal, stages[2].view(x, y), (fine, y, top)))

    def test_priors_that_do_not_fit_are_refused(self):
        model = codec()
        fine, top = usual_priors(model, 8, 1)
        with pytest.raises(ValueError, match="finest first"):
            CodePyramid(model, (top, fine))
        alone = pf.GatedPixelCNN(model.tokens[0], 8, 1, first=3)
        with pytest.raises(ValueError, match="must be told the codes above"):
            CodePyramid(model, (alone, top))
        with pytest.raises(ValueError, match="the network's map"):
            ToldCodes(alone, CodeMap(model.tokens[1], 4, (4, 4)))
        labelled = usual_priors(model, 8, 1, classes=3)
        others = usual_priors(model, 8, 1, classes=4)
        with pytest.raises(ValueError, match="told"):
            CodePyramid(model, (labelled[0], others[1]))

    def test_training_learns_codec_and_priors_and_a_file_keeps_them(self, tmp_path):
        torch.manual_seed(0)
        model = codec(codes=8)
        pyramid = CodePyramid(model, usual_priors(model, 16, 1))
        data = pf.data.digits()
        (x,) = data.test.at(slice(0, 100))
        before = pyramid.elbo(x).mean().item()
        pf.fit(pyramid, data, pf.Recipe(150, 64, pf.Adam(3e-3)), quiet=True)
        after = pyramid.elbo(x).mean().item()
        assert after > before + 50
        assert after > model.elbo(x).mean().item()  # priors are better than none
        pf.save(pyramid, tmp_path / "pyramid.safetensors")
        again = pf.load(tmp_path / "pyramid.safetensors")
        torch.testing.assert_close(again.elbo(x), pyramid.elbo(x))


class Die(pf.Generative):
    """Draws one of four, whatever it is told."""

    def __init__(self):
        super().__init__(pf.Tokens(1, 4), pf.Labels(4))
        self.net = nn.Linear(1, 1)

    def sample(self, n, y):
        return torch.randint(4, (n, 1))


def test_the_most_recognised_of_several_draws_is_the_label_more_often():
    torch.manual_seed(0)
    n, times = 8_000, 4
    y = torch.arange(n) % 4
    logits = lambda x: nn.functional.one_hot(x[:, 0], 4) * 5.0  # noqa: E731
    kept = most_recognised(Die(), n, y, logits, times)
    share = (kept[:, 0] == y).double().mean().item()
    expected = 1 - 0.75**times
    assert abs(share - expected) < 5 * (expected * (1 - expected) / n) ** 0.5
    with pytest.raises(ValueError, match="3 labels"):
        most_recognised(Die(), 3, torch.zeros(2, dtype=torch.long), logits)
