from __future__ import annotations

import warnings
from decimal import Decimal

import numpy as np
import pytest
import torch

import pushforward as pf
from pushforward.core.dataset import Dataset, Split
from pushforward.core.spaces import Labels, Pixels, Reals, Tokens
from pushforward.data import tensors


def bytes_of(*shape: int) -> np.ndarray:
    return np.random.RandomState(0).randint(256, size=shape).astype(np.uint8)


def whole(data: Dataset, column: int = 0) -> torch.Tensor:
    return torch.cat([s.tensors[column] for s in (data.train, data.validation, data.test)])


def test_spaces_are_inferred() -> None:
    assert tensors(np.zeros((9, 3, 4, 5), dtype=np.uint8)).space == Pixels(3, 4, 5)
    assert tensors(torch.zeros(9, 2)).space == Reals((2,))
    assert tensors(torch.zeros(9, 2, 3)).space == Reals((2, 3))
    assert tensors(np.arange(18, dtype=np.int32).reshape(9, 2)).space == Tokens(2, 18)
    assert tensors(np.zeros((9, 2))).train.tensors[0].dtype == torch.float32


def test_a_given_space_is_checked() -> None:
    x = torch.arange(16, dtype=torch.uint8).reshape(16, 1, 1, 1)
    assert tensors(x, space=Pixels(1, 1, 1, 16)).space.levels == 16
    with pytest.raises(ValueError, match=r"values 0 \.\. 9, was given values 0 \.\. 15"):
        tensors(x, space=Pixels(1, 1, 1, 10))
    assert tensors(x, space=Reals((1, 1, 1))).train.tensors[0].dtype == torch.float32
    assert tensors(x[:, 0, 0].double(), space=Tokens(1, 16)).train.tensors[0].dtype == torch.int64
    with pytest.raises(ValueError, match="expected int64, was given float32"):
        tensors(x[:, 0, 0].double() + 0.5, space=Tokens(1, 16))
    with pytest.raises(ValueError, match=r"expected shape \(batch, 1, 2, 2\)"):
        tensors(x, space=Pixels(1, 2, 2))


def test_pairs_stay_together_and_all_are_there_once() -> None:
    x = torch.arange(50.0)[:, None]
    data = tensors(x, np.arange(50), validation=0.2, test=0.3, name="mine")
    parts = (data.train, data.validation, data.test)
    assert [len(s) for s in parts] == [25, 9, 16]
    for split in parts:
        assert split.tensors[0][:, 0].long().equal(split.tensors[1])
    assert torch.cat([s.tensors[1] for s in parts]).sort().values.equal(torch.arange(50))
    assert tensors(x, seed=1).test.tensors[0].tolist() != tensors(x).test.tensors[0].tolist()
    assert data.describe()["name"] == "mine"


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((9, 32, 30, 3), 3), ((9, 8, 8, 4), 4), ((9, 32, 30, 1), 1), ((9, 4, 32, 3), 3)],
)
def test_channels_that_come_last_are_turned_and_said(shape, channels) -> None:
    x = bytes_of(*shape)
    told = rf"channels come last, {channels} of {shape[1]}x{shape[2]}"
    with pytest.warns(UserWarning, match=told):
        data = tensors(x)
    assert data.space == Pixels(channels, *shape[1:3])
    rows = sorted(map(bytes, x.transpose(0, 3, 1, 2)))
    assert sorted(bytes(row.numpy()) for row in whole(data)) == rows
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tensors(x, space=Pixels(channels, *shape[1:3])).space == data.space


def test_channels_that_nobody_can_guess() -> None:
    with pytest.warns(UserWarning, match="grey images without a channel"):
        assert tensors(bytes_of(9, 8, 7)).space == Pixels(1, 8, 7)
    assert tensors(bytes_of(9, 8, 7), space=Pixels(1, 8, 7)).space == Pixels(1, 8, 7)
    for first in ((9, 1, 28, 1), (9, 3, 8, 3), (9, 3, 8, 4), (9, 4, 9, 9), (9, 1, 28, 3)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert tensors(bytes_of(*first)).space == Pixels(*first[1:])
    for unclear in ((9, 8, 8, 8), (9, 2, 8, 4)):
        with pytest.raises(ValueError, match="does not show where its channels are"):
            tensors(bytes_of(*unclear))


def test_arrays_of_any_kind() -> None:
    x = np.random.RandomState(0).randn(20, 3)
    want = torch.from_numpy(x).float()
    for same in (
        x.astype(">f8"),
        np.asfortranarray(x),
        x[::-1][::-1],
        x.astype(np.longdouble),
        x.astype(object),
        x.tolist(),
        list(x),
        np.ma.MaskedArray(x),
        torch.from_numpy(x).requires_grad_(),
        np.array([[Decimal(float(v)) for v in row] for row in x]),
        _boxed(x),
        _read_only(x),
    ):
        assert whole(tensors(same)).equal(whole(tensors(want)))
    counts = np.arange(60, dtype=np.uint16).reshape(20, 3)
    assert tensors(counts).space == tensors(counts.astype(">i8")).space == Tokens(3, 60)
    bits = np.random.RandomState(0).rand(9, 1, 4, 4) < 0.5
    assert whole(tensors(bits, space=Pixels(1, 4, 4, 2))).dtype == torch.uint8


def _boxed(x: np.ndarray) -> np.ndarray:
    rows = np.empty(len(x), dtype=object)
    rows[:] = list(x)
    return rows


def _read_only(x: np.ndarray) -> np.ndarray:
    kept = x.copy()
    kept.setflags(write=False)
    return kept


class Frame:
    """What data frames of all libraries have in common."""

    def __init__(self, **columns):
        self.data = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self.data[name]

    def to_numpy(self):
        return np.stack([np.asarray(v, dtype=object) for v in self.data.values()], 1)


def test_data_frames() -> None:
    a, b = np.arange(20) / 2, np.arange(20)
    data = tensors(Frame(a=a, b=b))
    assert data.space == Reals((2,))
    assert whole(data).sum(0).tolist() == [95, 190]
    assert tensors(Frame(a=b, b=b)).space == Tokens(2, 20)
    with pytest.raises(ValueError, match=r"column 'b' of x\[3\] is 'north', not a number"):
        tensors(Frame(a=a, b=np.array([*b[:3], "north", *b[4:]], dtype=object)))
    with pytest.raises(ValueError, match=r"column 'b' of x holds <U5, not numbers"):
        tensors(Frame(a=a, b=np.array(["north"] * 20)))
    with pytest.raises(ValueError, match=r"column 'b' of x holds datetime64\[D\], not numbers"):
        tensors(Frame(a=a, b=np.arange(20).astype("datetime64[D]")))
    with pytest.raises(ValueError, match=r"x\[7, 'a'\] is nan: it is one value"):
        tensors(Frame(a=np.where(b == 7, np.nan, a), b=b))
    with pytest.raises(ValueError, match="without columns"):
        tensors(Frame())


def test_data_frames_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(20) / 2, "b": pandas.array([*range(19), None])})
    with pytest.raises(ValueError, match=r"x\[19, 'b'\] is nan|column 'b' of x\[19\] is <NA>"):
        tensors(frame)
    kinds = pandas.Series(["cat", "dog"] * 10, dtype="category")
    data = tensors(frame.head(19)[["a"]], kinds.head(19))
    assert data.classes == ("cat", "dog")


def test_labels_of_text_are_classes() -> None:
    x, kinds = torch.arange(20.0)[:, None], np.array(["b", "a"] * 10)
    data = tensors(x, kinds, validation=0.2, test=(x[:4], ["a", "a", "c", "b"]))
    assert (data.classes, data.given) == (("a", "b", "c"), Labels(3))
    assert data.test.tensors[1].tolist() == [0, 0, 2, 1]
    assert (data.train.tensors[1] == (data.train.tensors[0][:, 0] + 1) % 2).all()


def test_data_of_ones_own_to_validate_and_test() -> None:
    x, apart = torch.arange(20.0)[:, None], torch.arange(100.0, 105)[:, None]
    data = tensors(x, validation=0, test=apart)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [20, 0, 5]
    assert data.test.tensors[0].equal(apart)
    data = tensors(x, validation=apart.numpy())
    assert [len(s) for s in (data.train, data.validation, data.test)] == [18, 5, 2]
    assert data.origin["validation"] == "data of its own"
    words = torch.tensor([[1, 2]] * 9)
    assert tensors(words, test=torch.tensor([[7, 0]])).space == Tokens(2, 8)
    with pytest.raises(ValueError, match=r"test is not of Reals.*was given shape \(5, 2\)"):
        tensors(x, test=torch.zeros(5, 2))
    with pytest.raises(ValueError, match=r"validation\[2, 0\] is nan"):
        tensors(x, validation=torch.tensor([[0.0], [1.0], [float("nan")]]))
    with pytest.raises(ValueError, match="must be pairs"):
        tensors(x, torch.arange(20), test=apart)
    with pytest.raises(ValueError, match="x has none: give y as well"):
        tensors(x, test=(apart, torch.arange(5)))


def test_nothing_held_out_trains_and_says_so(tmp_path) -> None:
    from pushforward.report.evaluation import likelihood_lines

    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    data = tensors(x, validation=0, test=0)
    history = []
    recipe = pf.Recipe(4, None, validate_every=1)
    model = pf.fit(pf.GMM(2, components=1), data, recipe, quiet=True, history=history)
    assert [report.validation for report in history] == [None] * len(history)
    assert list(likelihood_lines(model, data.test)) == ["test: nothing was held out to test on"]
    with pytest.raises(ValueError, match="nothing to measure on"):
        pf.metrics.nats(model, data.test)
    few = tensors(x[:12], validation=0, test=x[12:13])
    said = str(pf.metrics.nats(model, few.test))
    assert said.endswith("nats (exact, 1 example, no standard error)")


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (bytes_of(9, 8, 8, 3, 1), "fits no space: images are uint8"),
        (torch.zeros(9), "fits no space"),
        (torch.zeros(9, 2, dtype=torch.bool), "fits no space.*bools: turn them to uint8"),
        (torch.zeros(9, 3, 8, 8, dtype=torch.int64), "fits no space.*turn them to uint8"),
        (3.0, "fits no space"),
        (torch.zeros(9, 2).index_fill_(0, torch.tensor([4, 6]), float("nan")), r"x\[4, 0\] is nan"),
        (torch.full((9, 2), -torch.inf), r"x\[0, 0\] is -inf: 18 values"),
        (np.full((9, 2), 1e300), r"x\[0, 0\] is 1e\+300, which torch.float32 cannot hold"),
        (np.array([[1, None]] * 9), r"x\[0, 1\] is None, not a number"),
        (np.array([[1, "a"]] * 9, dtype=object), r"x\[0, 1\] is 'a', not a number"),
        (np.array([["1"]] * 9), r"x holds <U1, not numbers"),
        ([[1, 2], [3]], "x is no array of numbers"),
        (np.zeros((9, 2), dtype=complex), "x holds complex128, not numbers"),
        (torch.zeros(9, 2, dtype=torch.complex64), "x is torch.complex64"),
        (torch.zeros(9, 2).to_sparse(), "give a dense tensor"),
        (np.zeros(9, dtype=[("a", float)]), r"x holds \[\('a', '<f8'\)\], not numbers"),
        (np.full((9, 2), 2**63, dtype=np.uint64), "beyond int64"),
        (
            np.ma.MaskedArray(np.zeros((9, 2)), mask=[[0, 0]] * 3 + [[0, 1]] * 6),
            r"x\[3\] .* masked",
        ),
        (torch.zeros(2, 2), "2 examples, which cannot be split"),
        (torch.zeros(0, 2), "0 examples, which cannot be split"),
        (torch.tensor([[-1, 2]] * 9), "values 0"),
        ({"a": 1}, "x is no|not a number|x holds"),
    ],
)
def test_bad_tensors(x, said) -> None:
    with pytest.raises(ValueError, match=said):
        tensors(x)


def test_bad_labels() -> None:
    with pytest.raises(ValueError, match=r"a label for each of the 9 examples, not \(8,\)"):
        tensors(torch.zeros(9, 2), torch.zeros(8))
    with pytest.raises(ValueError, match=r"y\[1\] is nan"):
        tensors(torch.zeros(3, 2), [0.0, float("nan"), 1.0])


def test_more_than_float32_holds_is_kept_in_float64() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert whole(tensors(np.full((9, 2), 1e300))).max() == 1e300
    finally:
        torch.set_default_dtype(torch.float32)


def test_splits_and_data_sets_are_a_line() -> None:
    data = tensors(torch.zeros(1_500, 2), torch.zeros(1_500), name="mine", rule="shuffled")
    assert repr(data) == (
        "Dataset('mine', Reals(shape=(2,)), beside it Reals(shape=()): "
        "1,200 train, 150 validation, 150 test)"
    )
    digits = pf.data.digits(binarise="dynamic")
    assert repr(digits.train) == (
        "Split(1,200 examples of uint8 (1, 8, 8), seen through DynamicBinarisation)"
    )


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda x: Split(x), r"a tuple of tensors: Split\(\(x,\)\) .* not of Tensor"),
        (lambda x: Split([x]), "not of list"),
        (lambda x: Split(()), "an empty tuple"),
        (lambda x: Split((x.numpy(),)), r"tensors \(n, \.\.\.\), not of ndarray"),
        (lambda x: Split((x[0, 0],)), "a tensor without examples"),
        (lambda x: Split((x, x[:4])), r"of one length, not \[4, 9\]"),
        (
            lambda x: Dataset("d", Reals((2,)), x, Split((x,)), Split((x,))),
            r"d\.train must be a Sp",
        ),
        (lambda x: Dataset("d", Reals((2,)), *[Split((x[:0],))] * 3), "train split of d is empty"),
    ],
)
def test_what_is_no_split(made, said) -> None:
    with pytest.raises(ValueError, match=said):
        made(torch.zeros(9, 2))
