"""Tables of one's own: what is read, what is refused, and that units change nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import pushforward as pf
from pushforward.cli import main
from pushforward.core import checkpoint
from pushforward.core.spaces import Labels, Reals
from pushforward.data import find
from pushforward.models.flow.standardised import (
    Standardised,
    StandardisedBound,
    StandardisedDensity,
    StandardisedEstimate,
    StandardisedWeights,
    standardised,
)
from pushforward.models.score.flow_matching import flow_matching

N = 200


def drawn() -> dict[str, list]:
    """Whole ages, incomes in millions, small lengths, and a kind."""
    random = np.random.RandomState(0)
    size = random.randn(N)
    return {
        "age": (40 + 10 * size + 3 * random.randn(N)).round().astype(int).tolist(),
        "income": (2e6 + 1e6 * size + 2e5 * random.randn(N)).tolist(),
        "length": (3e-4 + 1e-4 * random.randn(N)).tolist(),
        "kind": ["old" if s > 0 else "young" for s in size],
    }


def csv(columns: dict[str, list], mark: str = ",", head: bool = True, point: str = ".") -> str:
    rows = zip(*columns.values())
    lines = [mark.join(str(v).replace(".", point) for v in row) for row in rows]
    return "\n".join([*([mark.join(columns)] if head else []), *lines]) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(csv(drawn()))
    return path


def everything(data) -> torch.Tensor:
    parts = [getattr(data, part).tensors[0] for part in ("train", "validation", "test")]
    x = torch.cat(parts)
    return x[x[:, 0].argsort(stable=True)]


def test_columns_are_read_as_they_are(file: Path) -> None:
    data = find(f"table:{file}?label=kind")
    columns = drawn()
    assert data.space == Reals((3,))
    assert data.given == Labels(2)
    assert data.classes == ("old", "young")
    assert data.origin["columns"] == ["age", "income", "length"]
    assert data.origin["whole"] == [True, False, False]
    assert data.name == "people"
    expected = np.stack([columns[k] for k in ("age", "income", "length")], 1).astype(np.float32)
    rows = {tuple(row) for row in everything(data).numpy().tolist()}
    assert rows == {tuple(row) for row in expected.tolist()}
    assert find(data.origin["spec"]).describe() == data.describe()
    assert find(f"{file}?columns=age,length").space == Reals((2,))


def test_marks_points_and_files_without_names(tmp_path: Path, file: Path) -> None:
    columns = {k: v for k, v in drawn().items() if k != "kind"}
    whole = everything(find(f"{file}?columns=age,income,length"))
    for i, how in enumerate(({"mark": ";", "point": ","}, {"mark": "\t"}, {"head": False})):
        other = tmp_path / f"{i}.tsv"
        other.write_text(csv(columns, **how))
        found = find(f"table:{other}")
        assert torch.equal(everything(found), whole)
        assert len(found.origin["columns"]) == 3


def test_parquet(tmp_path: Path, file: Path) -> None:
    columns = drawn()
    pq.write_table(pa.table(columns), tmp_path / "people.parquet")
    data = find(f"{tmp_path}/people.parquet?label=kind")
    assert torch.equal(everything(data), everything(find(f"{file}?label=kind")))
    assert data.origin["whole"] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3,\n" + "1,2\n" * 20, r"row 2, column 'b' is missing: fill in"),
        (
            "a,b\n1,2\n,3\nNA,2\n" + "4,5\n" * 20,
            r"row 2, column 'a' is missing, and so are 1 other",
        ),
        ("a,b\n1,2\n3,nan\n" + "1,2\n" * 20, r"row 2, column 'b' is missing"),
        ("a,b\n1,2\n3,1e999\n" + "1,2\n" * 20, r"row 2, column 'b' is not finite"),
        ("a,b\n1,2\n3,x\n" + "1,2\n" * 20, r"row 2, column 'b' is 'x', not a number: .*label=b"),
        ("a,b\n1,2020-01-01\n" + "3,2021-01-01\n" * 20, r"column 'b' is datetime.*not a number"),
        ("a,b\n" + "1,2\n" * 20, r"column 'a' of .* is 1 in every row"),
        ("a,b\n1,2\n3\n" * 20, r"is no table that can be read"),
        ("a,a\n1,2\n3,4\n" * 20, r"several columns called 'a'"),
        ("a,b\n", r"holds no rows"),
        ("", r"its first line is empty"),
        ("a\n" + "\n".join(str(1e9 + i) for i in range(30)), r"column 'a' .* is too large beside"),
        ("a,b\n\0\n", r"byte 4 is 0"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_with_its_place(text, said, tmp_path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        find(f"table:{path}")


def test_what_is_not_there_is_refused(file: Path, tmp_path: Path) -> None:
    for spec, said in (
        (f"table:{file}?label=sex", "has no column 'sex': there are age, income, length, kind"),
        (f"table:{file}?columns=age,sex", "has no column 'sex'"),
    ):
        with pytest.raises(ValueError, match=said):
            find(spec)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        find(f"table:{tmp_path}/gone.csv")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match="is no whole parquet file"):
        find(f"table:{tmp_path}/x.parquet")


MODELS = {
    "maf": (lambda: pf.MAF(3, 2, 16, 1), StandardisedDensity, StandardisedWeights),
    "vae": (lambda: pf.VAE(pf.Reals((3,)), latent=2), StandardisedWeights, StandardisedWeights),
    "gmm": (lambda: pf.GMM(3, 2), StandardisedDensity, StandardisedWeights),
    "wgan": (lambda: pf.WGANGP(pf.Reals((3,)), latent=2), Standardised, Standardised),
    "flow matching": (
        lambda: pf.flow_matching(),
        StandardisedEstimate,
        StandardisedEstimate,
    ),
}


@pytest.mark.parametrize("name", ["maf", "vae", "gmm", "wgan"])
def test_every_kind_of_model_may_be_standardised(name: str, file: Path, tmp_path: Path) -> None:
    build, real, noisy = MODELS[name]
    data = find(f"{file}?columns=age,income,length")
    torch.manual_seed(0)
    model = standardised(build(), data)
    assert type(model) is noisy
    assert type(standardised(build(), find(f"{file}?columns=income,length,age"))) is noisy
    assert type(standardised(build(), replace(data, origin={}))) is real
    pf.fit(model, data, pf.Recipe(3, 32), tmp_path, quiet=True)
    x = pf.load(tmp_path / "checkpoint.safetensors").sample(50)
    assert torch.isfinite(x).all()
    assert (x[:, 0] == x[:, 0].round()).all(), "ages are whole"
    assert not (x[:, 2] == x[:, 2].round()).all()
    again = pf.load(tmp_path / "checkpoint.safetensors")
    assert torch.equal(again.mean, model.mean)


def test_estimates_and_bounds_stay_what_they_are() -> None:
    assert issubclass(StandardisedEstimate, pf.Estimated)
    assert issubclass(StandardisedBound, pf.Bounded)
    inner = flow_matching()
    data = pf.data.moons(n=200)
    model = standardised(inner, data)
    assert type(model) is StandardisedEstimate
    x = data.test.tensors[0]
    found = model.estimated_log_prob(x, steps=8, probes=0)
    z = (x - model.mean) / model.scale
    expected = inner.estimated_log_prob(z, steps=8, probes=0) - model.scale.log().sum()
    assert torch.allclose(found, expected, atol=1e-5)
    noisy = StandardisedEstimate(inner, (0.0, 0.0), (1.0, 1.0), (True, False))
    assert str(noisy.likelihood).startswith("estimate of a lower bound (25")


def test_the_determinant_is_counted() -> None:
    """By scipy: a Gaussian of columns of 10^6 and 10^-4."""
    from scipy.stats import norm

    model = StandardisedDensity(pf.StandardNormal((2,)), (5e6, 0.0), (1e6, 1e-4)).double()
    x = torch.tensor([[4e6, 2e-4], [5.5e6, -1e-4]], dtype=torch.float64)
    expected = norm(5e6, 1e6).logpdf(x[:, 0]) + norm(0, 1e-4).logpdf(x[:, 1])
    assert np.allclose(model.log_prob(x).numpy(), expected, rtol=1e-5)


def test_whole_numbers_have_probabilities() -> None:
    """By scipy: P(x) = Phi(x + 1) - Phi(x) on a wide grid, which many weights reach."""
    from scipy.stats import norm

    model = StandardisedWeights(pf.StandardNormal((1,)), (0.5,), (3.0,), (True,)).double()
    x = torch.arange(-12.0, 13)[:, None].double()
    torch.manual_seed(0)
    found = model.importance_weighted(x, k=20_000).exp()
    known = norm(0.5, 3.0)
    expected = known.cdf(x[:, 0] + 1) - known.cdf(x[:, 0])
    assert np.allclose(found.numpy(), expected, rtol=0.02)
    assert found.sum().item() == pytest.approx(1, abs=1e-3)
    assert (model.elbo(x, samples=200) <= torch.tensor(expected).log() + 0.02).all()


def test_units_change_nothing_but_the_constant(tmp_path: Path) -> None:
    """Two tables of the same in other units train to the same, and differ by their logarithm."""
    random = np.random.RandomState(0)
    x = random.randn(N, 2) @ np.array([[1.0, 0.5], [0.0, 0.3]])
    losses = []
    for i, unit in enumerate(([1.0, 1.0], [2.0**20, 2.0**-13])):
        columns = dict(zip("ab", (x * unit).T.tolist()))
        path = tmp_path / f"{i}.csv"
        path.write_text(csv(columns))
        data = find(f"table:{path}?rule=order")
        torch.manual_seed(0)
        model = standardised(pf.MAF(2, 2, 16, 1), data)
        reports = list(pf.Training(model, data, pf.Recipe(30, 64, report_every=30)))
        losses.append(reports[-1].validation_loss)
    assert losses[1] - losses[0] == pytest.approx(math.log(2.0**7), abs=1e-3)


@pytest.mark.filterwarnings("ignore:batches are of")
def test_a_preset_learns_a_table(file: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(file.parent)
    for name, flags in (
        ("maf_moons", ("--classes-from", "kind")),
        ("gmm_moons", ("--components", "3")),
        ("wgan_gp_gaussians25", ()),
    ):
        data = ("--data", "table:people.csv?columns=age,income,length")
        out = ("--out", str(tmp_path / name), "--quiet", "--steps", "3")
        main(["train", name, *data, *flags, *out])
        capsys.readouterr()
        monkeypatch.chdir("/")
        main(["evaluate", str(tmp_path / name / "checkpoint.safetensors"), "--samples", "20"])
        assert "on people, test split" in capsys.readouterr().out
        monkeypatch.chdir(file.parent)
    about = checkpoint.read(tmp_path / "maf_moons" / "checkpoint.safetensors").record["data"]
    assert about["columns"] == ["age", "income", "length"]
    main(["sample", str(tmp_path / "maf_moons" / "checkpoint.safetensors"), "--n", "4"])
    table = (tmp_path / "maf_moons" / "samples.csv").read_text().splitlines()
    assert table[0] == "age,income,length"
    assert len(table) == 5
    assert all(line.split(",")[0].endswith(".0") for line in table[1:])
