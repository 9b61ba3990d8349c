import pytest
import torch

from pushforward.core.spaces import Pixels, Reals, Tokens, trusted


@pytest.mark.parametrize(
    ("space", "x", "expected", "given"),
    [
        (Pixels(1, 8, 8, 17), torch.zeros(2, 8, 8, dtype=torch.uint8), "(batch, 1, 8, 8)", "(2, 8"),
        (Pixels(1, 8, 8, 17), torch.zeros(2, 1, 8, 8), "uint8", "float32"),
        (Pixels(1, 2, 2, 17), torch.full((1, 1, 2, 2), 17, dtype=torch.uint8), "0 .. 16", "17"),
        (Reals((3,)), torch.zeros(2, 3, dtype=torch.int64), "floating", "int64"),
        (Tokens(4, 5), torch.full((1, 4), -1), "0 .. 4", "-1"),
        (Tokens(4, 5), [[1, 2, 3, 4]], "torch.Tensor", "list"),
    ],
)
def test_check_says_what_was_expected_and_what_was_given(space, x, expected, given):
    with pytest.raises(ValueError, match="expected") as error:
        space.check(x)
    said = str(error.value)
    assert expected in said.split("was given")[0]
    assert given in said.split("was given")[1]


def test_trust_skips_values_but_not_shapes():
    space = Tokens(4, 5)
    with trusted():
        space.check(torch.full((1, 4), 9))
        with pytest.raises(ValueError, match="shape"):
            space.check(torch.zeros(1, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="values"):
        space.check(torch.full((1, 4), 9))


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_scaling_returns_the_integers(levels):
    space = Pixels(1, 1, levels, levels)
    x = torch.arange(levels).to(torch.uint8).view(1, 1, 1, levels)
    assert torch.equal(space.from_unit(space.to_unit(x)), x)
    assert torch.equal(space.from_signed(space.to_signed(x)), x)
    assert space.to_signed(x).aminmax() == (-1, 1)


def test_impossible_spaces_are_refused():
    for build in (
        lambda: Pixels(0, 8, 8),
        lambda: Pixels(1, 8, 8, 300),
        lambda: Reals((0,)),
        lambda: Tokens(0, 5),
    ):
        with pytest.raises(ValueError, match=r"at least|levels"):
            build()
