"""Which extractor data are looked at with, and the networks that nobody trained."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pushforward.core.dataset import Dataset, Split
from pushforward.core.spaces import Pixels, Reals, Space, Tokens
from pushforward.data import digits, sprites, tensors
from pushforward.metrics import looking
from pushforward.metrics.features import Extractor, features_as_given
from pushforward.metrics.frechet import frechet_distance
from pushforward.metrics.looking import extractor_for
from pushforward.metrics.random_networks import RandomConvolutions, random_network


def data(space: Space, source: str = "mine", n: int = 4) -> Dataset:
    """Some data of a space, from `source`."""
    generator = torch.Generator().manual_seed(0)
    if isinstance(space, Pixels):
        x = torch.randint(space.levels, (n, *space.shape), generator=generator).byte()
    elif isinstance(space, Tokens):
        x = torch.randint(space.vocabulary, (n, space.length), generator=generator)
    else:
        x = torch.randn(n, *space.shape, generator=generator)
    split = Split((x,))
    return Dataset("mine", space, split, split, split, {"source": source})


def looks(space: Space, name: str | None = None) -> torch.Tensor:
    made = data(space)
    return extractor_for(made, name)(made.train.tensors[0])


def test_a_classifier_looks_at_the_data_that_it_learned_and_at_no_others() -> None:
    assert str(extractor_for(digits())).startswith("small classifier of digits@")
    binary = extractor_for(digits(binarise="fixed"))
    assert str(binary).startswith("small classifier of digits of 2 levels@")
    mnist = Pixels(1, 28, 28, 2)
    for source in ("parquet files of ylecun/mnist, or a copy", "Larochelle's binarised MNIST"):
        known = str(extractor_for(data(mnist, source)))
        assert known.startswith("small classifier of mnist of 2 levels@")
    photographs = "parquet files of uoft-cs/cifar10, or a copy"
    known = str(extractor_for(data(Pixels(3, 32, 32), photographs)))
    assert known.startswith("small classifier of cifar10@")
    for shape in ((1, 28, 28), (3, 32, 32), (3, 64, 64)):
        assert str(extractor_for(data(Pixels(*shape)))).startswith("random convolutions, seed 0@")
    # Of a size that the classifier does not take.
    larger = extractor_for(data(Pixels(3, 64, 64), photographs))
    assert str(larger).startswith("random convolutions")


def test_few_numbers_are_taken_as_they_are() -> None:
    assert str(extractor_for(data(Pixels(1, 8, 8, 17)))) == "raw pixels 1x8x8"
    assert extractor_for(data(Reals((2,)))) is features_as_given
    tokens = Tokens(6, 4)
    look = extractor_for(data(tokens))
    found = look(torch.tensor([[0, 0, 1, 3, 3, 3]]))
    torch.testing.assert_close(found, torch.tensor([[2, 1, 0, 3]]) / 6)
    assert str(look) == "shares of 4 tokens"
    with pytest.raises(ValueError, match=r"values 0 \.\. 3"):
        look(torch.full((1, 6), 4))


def test_columns_of_other_units_are_brought_to_one() -> None:
    from sklearn.preprocessing import StandardScaler

    draw = np.random.RandomState(0)
    incomes, shares = 1e6 + 1e5 * draw.randn(400), 1e-4 * draw.rand(400)
    rows = np.stack([incomes, shares, np.full(400, 7.0)], 1)
    table = tensors(torch.from_numpy(rows).float())
    look = extractor_for(table)
    assert str(look).startswith("standardised columns@")
    train, test = (part.tensors[0] for part in (table.train, table.test))
    oracle = StandardScaler().fit(train.double().numpy())
    np.testing.assert_allclose(look(test).numpy(), oracle.transform(test.double().numpy()), 1e-9)
    assert extractor_for(table, "pixels") is features_as_given
    even = tensors(torch.from_numpy(draw.randn(100, 2)).float())
    assert extractor_for(even) is features_as_given
    # What is wrong in the small column alone is seen: raw, it is lost beside the large one.
    wrong = test.clone()
    wrong[:, 1] *= 3
    assert frechet_distance(wrong, test, look).value > 1
    assert frechet_distance(wrong, test).value < 1e-3


@pytest.mark.parametrize(
    "space",
    [
        Pixels(3, 32, 33),
        Pixels(3, 64, 64),
        Pixels(1, 1, 300),
        Pixels(4, 9, 17, 2),
        Pixels(3, 200, 60),
        Reals((16_000,)),
        Reals((3, 20, 20)),
        Tokens(12, 5_000),
    ],
)
def test_the_features_of_many_numbers_are_bounded(space: Space) -> None:
    """So the cost of a distance is, which is cubic in their number."""
    found = looks(space)
    assert found.shape == (4, 256)
    assert found.isfinite().all()
    assert (found.var(0) > 0).float().mean() > 0.5


def test_large_images_are_made_smaller_and_it_is_said() -> None:
    assert str(random_network(Pixels(3, 64, 64)).resize) == "None"
    assert str(random_network(Pixels(3, 200, 60)).resize) == "bilinear, antialiased 64x19"


def test_random_networks_are_the_same_whatever_was_drawn_before() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = random_network(Pixels(3, 40, 40))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert first.hash == random_network(Pixels(3, 40, 40)).hash
    assert first.hash != random_network(Pixels(3, 40, 40), seed=1).hash


def test_random_convolutions_keep_the_scale_of_what_they_see() -> None:
    """He's gain: the second moment after ReLU is that before, for inputs of any one scale."""
    network = RandomConvolutions(3)
    for stage in network.stages:
        stage.bias.data.zero_()
        n = stage.weight[0].numel()
        # The mean square of n_out n normals of variance 2 / n, within five standard errors.
        mean = stage.weight.square().mean().item() * n / 2
        assert mean == pytest.approx(1, abs=5 * math.sqrt(2 / stage.weight.numel()))


def test_random_projections_keep_squared_lengths() -> None:
    """|P x|^2 / |x|^2 is chi squared of 256 degrees over 256."""
    space = Reals((5_000,))
    x = data(space, n=50).train.tensors[0]
    ratio = looking.extractor_for(data(space))(x).square().sum(1) / x.square().sum(1)
    # The rows share P, but directions are nearly orthogonal: their means nearly independent.
    assert ((ratio - 1).abs() < 6 * math.sqrt(2 / 256)).all()
    assert ratio.mean().item() == pytest.approx(1, abs=6 * math.sqrt(2 / 256 / 50))


def test_random_features_see_what_is_worse() -> None:
    """Distances to held-out sprites: the same, blurred noise of three strengths, a missing kind."""
    made = sprites(size=16, scales=3, orientations=3, colours=2)
    look = extractor_for(made)
    assert str(look).startswith("random convolutions")
    real, held = made.train.at(slice(0, 500))[0], made.train.at(slice(500, 1000))[0]
    generator = torch.Generator().manual_seed(0)
    noise = 255 * torch.rand(held.shape, generator=generator)
    mixed = [(held * (1 - s) + noise * s).byte() for s in (0.0, 0.05, 0.1, 0.2)]
    distances = [frechet_distance(x, real, look).value for x in mixed]
    assert distances == sorted(distances)
    assert distances[0] < 0.2 * distances[1]
    kept = made.train.factors[500:1000, 5] == 0
    one_colour = frechet_distance(held[kept], real, look).value
    assert one_colour > 3 * distances[0]


def test_features_are_called_by_name() -> None:
    assert str(extractor_for(digits(), "pixels")) == "raw pixels 1x8x8"
    assert str(extractor_for(digits(), "random")).startswith("random convolutions")
    assert extractor_for(digits(), "classifier").hash == extractor_for(digits()).hash
    assert extractor_for(data(Reals((500,))), "pixels") is features_as_given
    assert extractor_for(data(Reals((2,))), "random") is features_as_given


def test_extractors_of_photographs_see_256_levels(monkeypatch) -> None:
    asked = []

    def standing_in(name: str = "inception") -> Extractor:
        asked.append(name)
        return Extractor.of("photographs", torch.nn.Flatten(), lambda x: x.float())

    monkeypatch.setattr(looking, "inception_extractor", standing_in)
    monkeypatch.setattr(looking, "hub_extractor", standing_in)
    look = extractor_for(digits(), "inception")
    assert str(look).startswith("photographs of 17 levels@")
    assert look(torch.full((1, 1, 8, 8), 16).byte()).unique().item() == 255
    assert str(extractor_for(data(Pixels(3, 9, 9)), "hub:someone/vision")).startswith(
        "photographs@"
    )
    assert asked == ["inception", "someone/vision"]
    for name in ("inception", "hub:someone/vision"):
        with pytest.raises(ValueError, match=f"{name} are those of images, but mine holds"):
            extractor_for(data(Reals((2,))), name)


def test_features_that_cannot_be_had() -> None:
    with pytest.raises(ValueError, match=r"one of classifier, random, inception, pixels, hub:OWN"):
        extractor_for(digits(), "vgg")
    with pytest.raises(ValueError, match="no small classifier was trained on mine"):
        extractor_for(data(Pixels(1, 8, 8, 17)), "classifier")
