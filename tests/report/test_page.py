from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from rows import LOOK, bits, history, quality, row, rows

import pushforward as pf
from pushforward.data import digits
from pushforward.metrics.surgery import Levels, Surgery
from pushforward.report import details, page, tables
from pushforward.report.axes import Axis, around
from pushforward.report.charts import Point, curves, scatter
from pushforward.report.workers import Failure

VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """The page's tags, links, pictures and the cells of its table; fails on a tag left open."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.links, self.images, self.ids = [], [], [], []
        self.cells: list[list[str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.links += [found[k] for k in ("src", "href", "action", "srcset") if k in found]
        self.images += [found] if tag in ("img", "svg") else []
        self.ids += [found["id"]] if "id" in found else []
        if tag == "tr":
            self.cells.append([])
        if tag in ("th", "td"):
            self.cells[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.cells[-1][-1] += data + " "


@pytest.fixture(scope="module")
def text() -> str:
    failed = [Failure("nice_digits", "ValueError: <script>alert(1)</script>")]
    return page.html([page.Section(digits(), rows(), quality(1.86, 0.948, 0.853))], failed)


@pytest.fixture(scope="module")
def read(text) -> Reader:
    return Reader(text)


def test_one_file_that_asks_for_nothing(text, read) -> None:
    assert all(link.startswith(("data:", "#")) for link in read.links)
    assert not re.search(r"https?://|@import|url\(|<script|<iframe|<object", text)
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)


def test_every_row_and_column_stands_in_the_table(read) -> None:
    head, *body = read.cells[: 2 + len(rows())]
    assert [cell.split()[0] for cell in head] == [
        "model", "bits/dim", "Fréchet", "precision", "recall", "parameters", "training", "sampling",
    ]  # fmt: skip
    models = [row.model for row in rows()]
    assert [line[0].split()[0] for line in body] == [*models, "real"]
    assert models[0] == "Independent", "the baseline comes first"
    assert {len(line) for line in body} == {len(head)}
    assert "lower is better" in head[1]


def test_the_kind_of_a_likelihood_stands_beside_it(read) -> None:
    cells = {line[0].split()[0]: line[1] for line in read.cells[1:]}
    assert cells["MADE"].split() == ["2.120", "±", "0.021", "exact", "untrained", "4.1"]
    assert "importance-weighted bound (50)" in cells["VAE"]
    assert cells["WGANGP"].split() == ["none", "only", "samples"]
    assert cells["real"].split() == ["–"]


def test_pictures_have_alternative_texts(read) -> None:
    for image in read.images:
        assert len(image.get("alt") or image["aria-label"]) > 10
    assert sum("alt" in image for image in read.images) == 1 + 2 * 8 + 2
    assert sum("viewbox" in image for image in read.images) == 3 + 5 + 2 + 2


def test_failures_are_told_and_text_is_escaped(text) -> None:
    assert "nice_digits" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "learned &amp; measured &lt;here&gt;" in text


def test_every_number_stands_with_its_circumstances(text, read) -> None:
    lines = [line for line in read.cells if line[0].strip() == "made_digits"]
    assert [line[1].strip() for line in lines] == [
        *("bits/dim", "Frechet distance", "precision", "recall"),
    ]
    frechet = [cell.strip() for cell in lines[1]]
    assert frechet[2:5] == ["11.20 ± 0.56", "10.1 to 12.3", "jackknife"]
    assert frechet[5] == f"347 samples, 347 references, extractor {LOOK}, resize none"
    assert "<h2>Where the bound goes" not in text, "no row here was cut"


def test_where_the_bound_goes() -> None:
    cut = Surgery(-80.0, -70.0, 0.3, 9.7, 1, 16, 347, 4)
    levels = Levels(-75.0, -65.0, (9.0, 1.0, 0.0), 347, 4)
    some = [
        row("vae_digits", "VAE", "latent", bits(2), quality(1, 1, 1), surgery=cut),
        row("ladder_digits", "LadderVAE", "latent", bits(2), quality(1, 1, 1), surgery=levels),
    ]
    text = page.html([page.Section(digits(), some, quality(1, 1, 1))], [])
    assert "<h2>Where the bound goes" in text
    assert "1 of 16, collapsed" in text
    assert "2 of 3 levels" in text
    lines = details.markdown(some).splitlines()
    assert (
        "| vae_digits | -80.00 | -70.00 | 0.30 | 9.70 | 10.00 | 1 of 16, collapsed | 347 |" in lines
    )
    assert any(line.startswith("| ladder_digits | Frechet distance | 1.00") for line in lines)
    assert some[0].record()["surgery"]["rate"] == pytest.approx(10.0)
    assert "surgery_information" in tables.csv(some).splitlines()[0]


def test_best_is_shaded_once_a_column(text) -> None:
    assert re.findall(r'<td class="best">([\d.]+)', text) == ["2.120", "4.60", "0.910", "0.820"]


def test_data_that_are_not_images() -> None:
    data = pf.data.moons(n=100)
    x = data.train.tensors[0]
    mine = row("realnvp_moons", "RealNVP", "flow", None, quality(0.1, 0.9, 0.9),
               samples=x[:64], neighbours=x[:8])  # fmt: skip
    read = Reader(page.html([page.Section(data, [mine], quality(0.02, 1, 1))], []))
    assert len([i for i in read.images if "alt" in i]) == 2
    text = page.html([page.Section(data, [mine], quality(0.02, 1, 1))], [])
    assert "The baseline" not in text
    assert "images" not in text


def test_a_chart_sets_values_where_they_belong() -> None:
    axis = Axis(1, 100, 0, 50, log=True)
    assert [axis.at(v) for v in (1, 10, 100, 1e9, 0.0)] == pytest.approx([0, 25, 50, 50, 0])
    assert Axis(2.1, 2.45, 0, 1).ticks() == [2.1, 2.2, 2.3, 2.4]
    assert Axis(0.9, 1.1, 0, 1, True).ticks() == [1]
    assert len(Axis(1e-3, 1e9, 0, 1, True).ticks()) <= 6
    flat = around([3.0, 3.0], 0, 10)
    assert flat.at(3.0) == 5.0


def test_models_without_a_number_stand_apart() -> None:
    points = [Point("A", 1.0, 2.0), Point("GAN", None, 1.0)]
    chart = scatter(points, "bits/dim", "distance", level=0.5)
    circles = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', chart)]
    assert circles[1] > 300 > circles[0]
    assert "GAN none, 1" in chart
    assert "real data" in chart


def test_in_a_crowd_only_names_with_room_are_written() -> None:
    points = [Point(f"model {i}", 1.0 + 1e-3 * i, 2.0) for i in range(30)]
    chart = scatter([*points, Point("far", 9.0, 9.0)], "x", "y")
    assert 2 <= chart.count('class="name"') < 12
    assert ">far</text>" in chart
    assert chart.count("<title>") == 31


def test_curves_show_training_beside_held_out_loss() -> None:
    train = [(float(s), 1 / s) for s in range(1, 20)]
    chart = curves(train, train[::4], "MADE")
    assert chart.count("<polyline") == 2
    assert curves(train[:1], [], "Independent") == ""
    assert curves([(1.0, float("nan")), (2.0, 1.0), (3.0, 1.0)], [], "x").count("<polyline") == 1


def test_each_player_and_stage_has_its_curve() -> None:
    game = row(
        "g", "GAN", "adversarial", None, quality(1, 1, 1), history=history(players=("d", "g"))
    )
    stages = row("t", "Two", "discrete", bits(2), quality(1, 1, 1), history=history(("a", "b")))
    text = page.html([page.Section(digits(), [game, stages], quality(1, 1, 1))], [])
    for said in (" loss of d", " loss of g", " loss of a", " loss of b"):
        assert said in text
