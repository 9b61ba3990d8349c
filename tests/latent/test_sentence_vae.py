"""The recurrent decoder against enumeration, the bound against quadrature, walks by a grammar."""

import dataclasses
import itertools
import math

import pytest
import torch
from scipy.stats import norm

import pushforward as pf
from pushforward.cli import main
from pushforward.core.catalogue import preset_called
from pushforward.core.vocabulary import Vocabulary, ended
from pushforward.data.grammar import Grammar, sentences
from pushforward.metrics.surgery import elbo_surgery
from pushforward.models.autoregressive.recurrent import RecurrentLM
from pushforward.models.latent.sentence_vae import Reader, interpolate, recurrent_vae
from pushforward.objectives.variational import ELBO, Linear
from pushforward.pictures.sentence_interpolation import between
from pushforward.report.sentences import grammatical_between
from pushforward.training.loop import Training

SPACE = pf.Tokens(4, 3)
EVERY = torch.tensor(list(itertools.product(range(3), repeat=4)))


def lively(model, seed=0):
    torch.manual_seed(seed)
    for p in model.parameters():
        p.data.normal_(0, 1)
    return model.double().eval()


def language_model(**options):
    return lively(RecurrentLM(SPACE, width=6, embedding=3, context=2, **options))


def test_all_sentences_sum_to_one_and_none_goes_on_after_its_end():
    model = language_model()
    for z in torch.randn(3, 1, 2).double():
        p = model.log_prob(EVERY, z.expand(81, 2)).exp()
        assert p.sum().item() == pytest.approx(1)
        whole = (EVERY.masked_fill(ended(EVERY), 0) == EVERY).all(1)
        assert (p[~whole] == 0).all()
        assert (p[whole] > 0).all()


def test_a_word_depends_on_those_before_alone():
    model, z = language_model(), torch.randn(4, 2).double()
    x = torch.randint(1, 3, (4, 4))
    base = model.conditionals(x, z)
    for i in range(4):
        other = x.clone()
        other[:, i] = 3 - other[:, i]
        moved = (model.conditionals(other, z) - base).abs().amax((0, 2)) > 0
        assert not moved[: i + 1].any()
        assert moved[i + 1 :].all()


@torch.no_grad()
def test_cached_sampling_equals_naive():
    model, z = language_model(), torch.randn(60, 2).double()
    torch.manual_seed(1)
    cached = model.sample(60, z)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_naively(60, z))
    assert (cached == 0).any()
    assert torch.equal(cached.masked_fill(ended(cached), 0), cached)
    rows, run = model.conditionals(cached, z), model.run(60, z)
    for i, values in enumerate(cached.T):
        torch.testing.assert_close(run.parameters(i), rows[:, i], rtol=1e-9, atol=1e-9)
        run.know(i, values)
    best = model.likeliest(60, z)
    assert torch.equal(best, model.conditionals(best, z).argmax(-1))


def test_hidden_words_are_not_seen_and_only_in_training():
    model, z = language_model(blind=1.0), torch.randn(1, 2).double()
    x, y = torch.tensor([[1, 2, 1, 2]]), torch.tensor([[2, 1, 1, 1]])
    assert not torch.equal(model.conditionals(x, z), model.conditionals(y, z))
    model.train()
    assert torch.equal(model.conditionals(x, z), model.conditionals(y, z))


def test_what_follows_the_end_moves_nothing():
    reader = lively(Reader(SPACE, 2, width=4, embedding=3))
    x, y = torch.tensor([[1, 2, 0, 0]]), torch.tensor([[1, 2, 0, 2]])
    assert not torch.equal(reader(x), reader(torch.tensor([[1, 2, 2, 0]])))
    assert torch.equal(reader(x), reader(y))
    model = recurrent_vae(SPACE, 2, 4, 3, blind=0.0)
    sum(t.mean() for t in model.loss(x).values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_the_bound_against_quadrature(seed):
    """Log p(x) and the ELBO are integrals over one latent; weights are ratios of known densities.

    How near k weights come to log p(x) is left alone: with posteriors that are narrower than they
    should be, as weights drawn by chance make them, a few draws hold most of the sum.
    """
    model = lively(recurrent_vae(SPACE, 1, 5, 3, blind=0.5), seed)
    x = EVERY[(EVERY.masked_fill(ended(EVERY), 0) == EVERY).all(1)]
    grid = torch.linspace(-40, 40, 8001, dtype=torch.float64)
    log_x = model.decode(grid[:, None, None]).log_prob(x)
    log_p = log_x + torch.from_numpy(norm.logpdf(grid))[:, None]
    exact = log_p.logsumexp(0) + (grid[1] - grid[0]).log()
    assert exact.exp().sum().item() == pytest.approx(1, abs=1e-9)
    q = model.encode(x).base_dist
    log_q = torch.from_numpy(norm.logpdf(grid[:, None], q.loc[:, 0], q.scale[:, 0]))
    density = log_q.exp() * (grid[1] - grid[0])
    assert torch.allclose(density.sum(0), torch.ones(()).double(), atol=1e-9)
    bound = (density * (log_p - log_q)).sum(0)
    assert (bound < exact).all()
    torch.manual_seed(0)
    found = model.elbo(x, samples=2_000)
    spread = (density * (log_x - (density * log_x).sum(0)).square()).sum(0).sqrt()
    assert ((found - bound).abs() < 6 * spread / math.sqrt(2_000) + 1e-9).all()
    draw = model.draw(x, samples=5)
    z = draw.z[..., 0]
    expected = model.decode(draw.z).log_prob(x) + torch.from_numpy(
        norm.logpdf(z) - norm.logpdf(z, q.loc[:, 0], q.scale[:, 0])
    )
    assert torch.allclose(draw.log_weights, expected, atol=1e-9)


@torch.no_grad()
def test_walks_go_from_one_sentence_to_the_other():
    model = lively(recurrent_vae(SPACE, 2, 5, 3))
    a, b = EVERY[40:45], EVERY[70:75]
    way = interpolate(model, a, b, steps=5)
    assert way.shape == (5, 5, 4)
    for place, x in ((0, a), (-1, b)):
        assert torch.equal(way[:, place], model.push(model.encode(x).mean))
    middle = (model.encode(a).mean + model.encode(b).mean) / 2
    assert torch.equal(way[:, 2], model.push(middle))
    with pytest.raises(ValueError, match="steps must be"):
        interpolate(model, a, b, steps=1)


RULES = """
sentence: 2 one does . | many do .
one: the noun | a noun
noun: cat | dog | bird
many: the nouns | two nouns
nouns: cats | dogs | birds
does: sleeps | sees whom
do: sleep | see whom
whom: one | many
"""


def test_sentences_between_two_are_grammatical(tmp_path, capsys):
    rules = tmp_path / "rules.txt"
    rules.write_text(RULES)
    data = sentences(2_000, grammar=str(rules))
    torch.manual_seed(0)
    model = recurrent_vae(data.space, 8, 48, 16, 0.2, ELBO(beta=Linear(final=0.7)))
    recipe = pf.Recipe(300, 64, pf.Adam(5e-3), schedule=pf.Cosine(), clip=1.0, validate_every=0)
    before = grammatical_between(model, data, Grammar(RULES), 30)
    pf.fit(model, data, recipe, tmp_path, quiet=True)
    after = grammatical_between(model, data, Grammar(RULES), 30)
    assert before.value < 0.2
    assert after.value > 0.8
    assert elbo_surgery(model, data.test).rate > 1
    vocabulary = Vocabulary.recorded(data.origin)
    lines = between(model, vocabulary, "a cat sleeps.", "two dogs see the bird.", 5)
    assert len(lines) == 5
    assert len(set(lines)) > 1
    with pytest.raises(ValueError, match="'zebra' is not among"):
        between(model, vocabulary, "a zebra sleeps.", "a cat sleeps.")
    check_commands(str(tmp_path / "checkpoint.safetensors"), tmp_path, capsys)


def check_commands(file, folder, capsys):
    """What the command line shows of a model of sentences."""
    main(["evaluate", file, "--samples", "50"])
    told = capsys.readouterr().out
    assert "grammatical samples " in told
    assert "grammatical between " in told
    main(["sample", file, "--n", "5"])
    assert len((folder / "samples.txt").read_text().splitlines()) == 5
    ends = ["--start", "a cat sleeps.", "--end", "two dogs see the bird."]
    main(
        ["draw", "sentence-interpolation", "--file", file, *ends, "--out", str(folder / "walk.png")]
    )
    assert (folder / "walk.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit, match="known words"):
        main(["draw", "sentence-interpolation", "--file", file, "--start", "a zebra sleeps."])


@pytest.mark.slow
def test_the_preset_speaks_grammatically():
    torch.manual_seed(0)
    experiment = preset_called("sentence_vae").build()
    training = Training(experiment.model, experiment.data, experiment.recipe)
    for _ in training:
        pass
    data = experiment.data
    assert grammatical_between(training.result, data, Grammar.recorded(data.origin)).value > 0.9
    assert elbo_surgery(training.result, data.test).rate > 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: RecurrentLM(pf.Reals((2,))), "models Tokens"),
        (lambda: RecurrentLM(SPACE, blind=1.1), "blind must be"),
        (lambda: RecurrentLM(SPACE, context=-1), "context must be"),
        (lambda: language_model().log_prob(EVERY), r"told Reals\(shape=\(2,\)\)"),
        (lambda: language_model().sample(3, torch.zeros(2, 2)), "expected 3 of Reals"),
        (lambda: RecurrentLM(SPACE).sample(3, torch.zeros(3)), "is told nothing"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_file_of_sentences_is_learned(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(f"line {i} says nothing." for i in range(40)))
    build = preset_called("sentence_vae_file").build
    experiment = build(str(file), latent=2, width=8, steps=2)
    recipe = dataclasses.replace(experiment.recipe, batch_size=8)
    list(Training(experiment.model, experiment.data, recipe))
    vocabulary = Vocabulary.recorded(experiment.data.origin)
    assert "nothing" in vocabulary.words
    assert len(between(experiment.model, vocabulary, "line 3 says", "nothing", 3)) == 3
    with pytest.raises(FileNotFoundError, match="does not exist"):
        build(str(tmp_path / "none.txt"))
