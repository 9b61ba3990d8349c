"""What latent-variable models are told: every part hears it, or none; and it is checked."""

from functools import lru_cache

import pytest
import torch

import pushforward as pf
from conditional import BARS, SQUARE
from pushforward import data
from pushforward.core.given import agreed, heard, repeated
from pushforward.laws import LAWS, NotApplicable, Subject
from pushforward.metrics.ais import ais_nats
from pushforward.metrics.disentanglement import posterior_means
from pushforward.metrics.surgery import elbo_surgery, level_rates
from pushforward.models.latent.ar_decoder import with_autoregressive_decoder
from pushforward.models.latent.avb import dense_avb
from pushforward.models.latent.factor_vae import FactorVAE
from pushforward.models.latent.flow_posterior import with_posterior
from pushforward.models.latent.hvae import Below, TwoLevelEncoder, hvae
from pushforward.models.latent.lagging import AggressiveVAE
from pushforward.models.latent.mixture_posterior import with_mixture_posterior
from pushforward.models.latent.sentence_vae import interpolate, recurrent_vae
from pushforward.models.latent.vae import TwoStageVAE, dense
from pushforward.models.latent.vampprior import VampPrior
from pushforward.objectives import disentangling, importance, variational
from pushforward.pictures.walks import conditions_of, walked
from pushforward.probability.autoregressive_decoder import AutoregressiveDecoder
from pushforward.probability.logistic_mixture_decoder import LogisticMixtureDecoder
from pushforward.probability.quantisation import VectorQuantiser
from pushforward.report.measure import surgery

Y = pf.Labels(2)


def parts(space=BARS, latent=2, **told):
    return dense(space, latent, 16, **(told or {"classes": 2}))


def vamp():
    encoder, decoder = parts()
    return pf.VAE(encoder, decoder, VampPrior(encoder, 4))


SMALL = {
    "vae": lambda: pf.VAE(*parts()),
    "prior_is_told": lambda: pf.VAE(*parts(), pf.MAF(2, 1, width=8, classes=2)),
    "decoder_alone": lambda: pf.VAE(parts(classes=0)[0], parts()[1]),
    "vampprior": vamp,
    "afterwards": lambda: TwoStageVAE(*parts(), pf.GMM(2, 2, regularisation=1e-3)),
    "told_afterwards": lambda: TwoStageVAE(*parts(classes=0), pf.MAF(2, 1, width=8, classes=2)),
    "aggressive": lambda: AggressiveVAE(*parts(), turns=2),
    "factor": lambda: FactorVAE(*parts(), pf.MLP(2, 1, 8, 1), gamma=2.0),
    "avb": lambda: dense_avb(BARS, 2, 16, turns=2, classes=2),
    "two_levels": lambda: hvae(BARS, (2, 2), 16, 4, classes=2),
    "flow_posterior": lambda: with_posterior(BARS, pf.IAF(2, 1, width=8, context=4), 16, 2),
    "mixture_posterior": lambda: with_mixture_posterior(BARS, 2, 2, 16, classes=2),
    "made_decodes": lambda: with_autoregressive_decoder(BARS, 2, 16, classes=2),
    "ladder": lambda: pf.LadderVAE(BARS, (3, 2), width=16, classes=2),
}
LARGER = {
    "deep": lambda: pf.DeepVAE(SQUARE, (1, 1), width=8, latent=2, classes=2),
    "gumbel": lambda: pf.GumbelSoftmaxVAE(SQUARE, 4, 4, width=4, labels=2),
    "dvae": lambda: pf.DVAE(SQUARE, codes=8, width=8, halvings=1, blocks=1, labels=2),
    "vq_vae": lambda: pf.VQVAE(
        SQUARE, VectorQuantiser(8, 4), width=8, halvings=1, blocks=1, classes=2
    ),
}
SPECS = dict.fromkeys(SMALL, "bars?height=2&labels=True") | dict.fromkeys(
    LARGER, "bars?labels=True"
)
MODELS = SMALL | LARGER


@lru_cache(maxsize=2)
def subject_of(name):
    return Subject(MODELS[name], data.find(SPECS[name]))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", MODELS)
def test_law(name, law):
    try:
        LAWS[law](subject_of(name))
    except NotApplicable as reason:
        pytest.skip(str(reason))


def images(n=12, seed=0):
    return torch.randint(2, (n, 1, 2, 4), generator=torch.Generator().manual_seed(seed)).byte()


def twins(**options):
    """A model that is told one of two labels, and for each label the model that has it built in.

    The first layer of a perceptron sees a one-hot label as a column that is added to its bias.
    """
    torch.manual_seed(0)
    told = pf.VAE(*parts(), **options).double()
    built_in = []
    for label in range(2):
        plain = pf.VAE(*parts(classes=0), **options).double()
        pairs = ((told.encoder, plain.encoder), (told.decoder, plain.decoder))
        for theirs, ours in ((a.network.net, b.network.net) for a, b in pairs):
            ours.load_state_dict(
                {n: t[..., :-2] if n == "0.0.weight" else t for n, t in theirs.state_dict().items()}
            )
            ours[0][0].bias.data += theirs[0][0].weight.data[:, label - 2]
        built_in.append(plain)
    return told, built_in


OBJECTIVES = [
    variational.ELBO(samples=3),
    variational.ELBO(free_bits=0.1),
    variational.Capacity(2.0),
    importance.IWAE(5),
    importance.STL(5),
    importance.DReG(5),
    importance.ScoreFunction(4),
    disentangling.DIP(),
    disentangling.DIPOne(),
    disentangling.BetaTC(3.0, 12),
    disentangling.InfoVAE(0.5, 10.0),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_told_one_label_a_model_is_the_one_that_has_it_built_in(objective):
    x = images()
    told, built_in = twins(objective=objective)
    for label, plain in enumerate(built_in):
        y = torch.full((len(x),), label)
        losses, gradients = [], []
        for model, beside in ((told, (y,)), (plain, ())):
            torch.manual_seed(1)
            losses.append(model.loss(x, *beside))
            total = sum(t.mean() for t in losses[-1].values())
            last = [p.network.net[-1].weight for p in (model.encoder, model.decoder)]
            gradients.append(torch.autograd.grad(total, last))
        for name in losses[0]:
            torch.testing.assert_close(losses[0][name], losses[1][name])
        for ours, theirs in zip(*gradients):
            torch.testing.assert_close(ours, theirs)


def test_bounds_samples_and_measures_are_those_of_the_built_in_label():
    x = images()
    told, built_in = twins()
    for label, plain in enumerate(built_in):
        y = torch.full((len(x),), label)
        split, alone = pf.Split((x, y)), pf.Split((x,))
        numbers = []
        for model, beside, some in ((told, (y,), split), (plain, (), alone)):
            torch.manual_seed(2)
            with torch.no_grad():
                bound = model.importance_weighted(x, *beside, k=7)
                drawn = model.sample(len(x), *beside)
                line = interpolate(model, x[:3], x[3:6], *(c[:3] for c in beside), steps=4)
            cut, ais = elbo_surgery(model, some, samples=3), ais_nats(model, some, 2, 5, 2)
            means = posterior_means(model, some)
            ways = walked(model, told=conditions_of(model, some, 4))
            numbers.append((bound, drawn, line, torch.tensor(cut.elbo), means, ways))
            numbers[-1] += (torch.tensor([cut.information, cut.marginal_kl, ais.nats]),)
        for ours, theirs in zip(*numbers):
            torch.testing.assert_close(ours, theirs)


def integral(model, x, y, reach=8.0, points=121):
    """Log p(x | y) by a grid over two latents."""
    side = torch.linspace(-reach, reach, points, dtype=torch.float64)
    z = torch.cartesian_prod(side, side)
    found = []
    with torch.no_grad():
        for one, label in zip(x, y):
            here = label.expand(len(z))
            log_p = model.prior.log_prob(z, *heard(model.prior, (here,)))
            found.append((model.decode(z, here).log_prob(one[None]) + log_p).logsumexp(0))
    return torch.stack(found) + 2 * torch.log(side[1] - side[0])


@pytest.mark.parametrize("name", ["vae", "prior_is_told", "decoder_alone", "vampprior"])
def test_the_bound_tightens_to_the_integral_for_each_label(name):
    torch.manual_seed(0)
    model = MODELS[name]().double()
    for parameter in model.parameters():
        parameter.data.add_(0.15 * torch.randn_like(parameter))
    x, y = images(4), torch.tensor([0, 1, 0, 1])
    truth = integral(model, x, y)
    assert not torch.allclose(truth, integral(model, x, 1 - y), atol=0.01)
    torch.manual_seed(1)
    with torch.no_grad():
        weights = model.log_weights(x, y, samples=20_000)
    error = (weights - truth).exp().std(0) / 20_000**0.5
    assert ((weights - truth).exp().mean(0) - 1).abs().lt(5 * error).all()
    assert (weights.mean(0) < truth).all()


def test_vampprior_keeps_components_for_each_label():
    torch.manual_seed(0)
    encoder, decoder = parts()
    x, y = images(12), torch.arange(12) % 2
    prior = VampPrior(encoder, 6).start(x, y)
    model = pf.VAE(encoder, decoder, prior).double()
    z = torch.randn(7, 2, dtype=torch.float64)
    for label in range(2):
        mine = y == label
        q = model.encode(x[mine], y[mine])
        aggregated = q.log_prob(z[:, None]).logsumexp(1) - torch.tensor(6.0).log()
        torch.testing.assert_close(prior.log_prob(z, torch.full((7,), label)), aggregated)
    cut = elbo_surgery(model, pf.Split((x, y)), samples=20)
    assert cut.marginal_kl == pytest.approx(0, abs=1e-9)  # the best prior for each label
    assert 0 < cut.information < torch.tensor(6.0).log()
    with pytest.raises(ValueError, match="6 data of label 1 must be given, not 5"):
        prior.start(x[:-1], y[:-1])


def test_levels_and_their_surgery_hear_the_label():
    torch.manual_seed(0)
    model = SMALL["ladder"]().double()
    x, y = images(8), torch.arange(8) % 2
    heard_by = {name: level_rates(model, pf.Split((x, c))) for name, c in (("y", y), ("n", 1 - y))}
    assert heard_by["y"].rates != heard_by["n"].rates
    assert isinstance(surgery(model, pf.Split((x, y))), type(heard_by["y"]))


def test_an_autoregressive_decoder_is_told_what_stands_before_its_context():
    torch.manual_seed(0)
    made = pf.MADE(BARS, width=8, context=2, classes=2).double()
    decoder = AutoregressiveDecoder(made)
    assert decoder.given == Y
    x, y, z = images(3), torch.tensor([0, 1, 1]), torch.randn(5, 3, 2, dtype=torch.float64)
    p = decoder(z, y)
    assert (p.batch_shape, p.sample().shape, p.mode.shape) == (
        (5, 3),
        (5, 3, *BARS.shape),
        (5, 3, *BARS.shape),
    )
    for i in range(5):
        torch.testing.assert_close(p.log_prob(x)[i], made.log_prob(x, y, z[i]))
    for density in (pf.MADE(BARS, width=8), pf.MADE(BARS, width=8, classes=2)):
        with pytest.raises(ValueError, match="the last that it is told is a context: MADE is told"):
            AutoregressiveDecoder(density)


def test_a_sentence_vae_hears_the_label_on_both_sides():
    torch.manual_seed(0)
    space = pf.Tokens(3, 4)
    model = recurrent_vae(space, 2, 6, 3, blind=0.0, classes=2).double()
    x = torch.tensor([[1, 2, 0], [3, 3, 3]])
    means = [model.encode(x, torch.full((2,), label)).mean for label in range(2)]
    assert not torch.allclose(*means)
    z = torch.randn(2, 2, dtype=torch.float64)
    every = torch.cartesian_prod(*[torch.arange(4)] * 3)
    log_p = [
        model.decode(z[:, None].expand(2, 64, 2), y.expand(64)).log_prob(every)
        for y in (torch.tensor(0), torch.tensor(1))
    ]
    assert not torch.allclose(*log_p)
    for found in log_p:
        torch.testing.assert_close(found.exp().sum(1), torch.ones(2, dtype=torch.float64))


def test_a_mixture_of_logistics_is_told_as_any_decoder():
    torch.manual_seed(0)
    space = pf.Pixels(2, 2, 2, levels=4)
    outputs = LogisticMixtureDecoder.outputs(space, 2)
    network = pf.MLP(3, outputs * 4, 8, 1, context=2)
    decoder = LogisticMixtureDecoder(network, space, 2, given=Y)
    z, y = torch.randn(5, 4, 3), torch.tensor([0, 1, 0, 1])
    one_hot = torch.nn.functional.one_hot(y, 2).float()
    alone = LogisticMixtureDecoder(pf.MLP(5, outputs * 4, 8, 1), space, 2)
    alone.network.load_state_dict(network.state_dict())
    x = torch.zeros(4, *space.shape, dtype=torch.uint8)
    theirs = alone(torch.cat([z, one_hot.expand(5, 4, 2)], -1))
    torch.testing.assert_close(decoder(z, y).log_prob(x), theirs.log_prob(x))


def test_parts_agree_or_are_told_nothing():
    encoder, decoder = parts()
    assert agreed(encoder=encoder, decoder=decoder, prior=pf.GMM(2)) == Y
    assert agreed(encoder=parts(classes=0)[0]) is None
    assert pf.VAE(*parts(classes=2, context=3)).given == (Y, pf.Reals((3,)))
    (c,) = repeated((torch.tensor([0, 1]),), 2)
    assert c.tolist() == [0, 1, 0, 1]


def built(**options):
    return pf.VAE(*parts(), **options)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: pf.VAE(parts()[0], parts(classes=3)[1]),
            "encoder is told .*=2.* the decoder .*=3",
        ),
        (lambda: built(prior=pf.MAF(2, 1, width=8, classes=3)), "encoder is told .* the prior"),
        (
            lambda: dense_avb(BARS, 2, 8).__class__(pf.MLP(12, 2), parts()[1], pf.MLP(10, 1), 2, 4),
            "the model is told None, but its decoder",
        ),
        (
            lambda: TwoLevelEncoder(parts()[0], pf.FlatMLP(8, 4), Below(2, 2, 8, 4)),
            "tell both the same",
        ),
        (lambda: VampPrior(parts(classes=2, context=3)[0], 4), "kept for each label"),
        (lambda: built().elbo(images(3)), "expected 1 condition after x"),
        (lambda: built().draw(images(3)), "expected 1 condition after x"),
        (lambda: built().encode(images(3), torch.tensor([0, 1, 2])), r"values 0 \.\. 1"),
        (lambda: built().decode(torch.zeros(3, 2), torch.tensor([0, 1, 9])), r"values 0 \.\. 1"),
        (lambda: built().decode(torch.zeros(3, 2), torch.tensor([0, 1])), "expected 3 of"),
        (lambda: built().decode(torch.zeros(3, 2)), "expected 1 condition"),
        (
            lambda: pf.VAE(*parts(classes=0)).decode(torch.zeros(3, 2), torch.tensor([0, 1, 1])),
            "is told nothing",
        ),
        (lambda: built(prior=pf.MAF(2, 1, width=8, classes=2)).latents(3), "expected 1 condition"),
        (lambda: LARGER["vq_vae"]().decode(torch.zeros(2, 4).long()), "expected 1 condition"),
        (lambda: LARGER["dvae"]().draw(torch.zeros(2, 4).long(), torch.tensor([0, 2])), "0 .. 1"),
    ],
)
def test_what_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_prior_that_is_told_learns_in_the_second_stage_what_each_label_looks_like():
    """The codec is told nothing and puts labels apart; the prior afterwards finds where each is."""
    torch.manual_seed(0)
    y = torch.arange(400) % 2
    white = torch.rand(400, 1, 2, 4) < torch.where(y == 1, 0.9, 0.1)[:, None, None, None]
    split = pf.Split((white.to(torch.uint8), y))
    toy = pf.Dataset("light and dark", BARS, split, split, split)
    model = TwoStageVAE(*parts(classes=0), pf.MAF(2, 2, width=16, classes=2))
    recipe = pf.Recipe(600, 100, pf.Adam(5e-3), validate_every=0, report_every=300)
    reports = list(pf.Training(model, toy, recipe))
    assert [r.stage for r in reports] == ["vae", "prior"]
    x, y = split.tensors
    with torch.no_grad():
        z = model.encode(x, y).sample()
        told = model.prior.log_prob(z, y).mean().item()
        wrong = model.prior.log_prob(z, 1 - y).mean().item()
        means = torch.stack([z[y == label].mean(0) for label in (0, 1)])
        covers = torch.stack([z[y == label].T.cov() for label in (0, 1)])
        normal = torch.distributions.MultivariateNormal(means[y], covers[y]).log_prob(z).mean()
        drawn = model.sample(400, y).float().flatten(1).mean(1)
    assert told > wrong + 1
    assert told > normal.item() - 0.3  # hardly worse than the normal of each label's own latents
    for label, share in ((0, 0.1), (1, 0.9)):
        assert drawn[y == label].mean().item() == pytest.approx(share, abs=0.1)
