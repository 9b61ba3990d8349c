"""DALL-E and CLIP: masks by enumeration, sums over all sequences, caches, contrast, captions."""

import itertools
import math

import numpy
import pytest
import torch
from torch.nn import functional as F

import pushforward as pf
from pushforward.core.spaces import Pixels, Tokens
from pushforward.data.captions import Captions
from pushforward.data.sprite_captions import captioned_sprites
from pushforward.data.sprite_reading import factors_of
from pushforward.models.autoregressive.choosing import chooser
from pushforward.models.discrete.clip import CLIP
from pushforward.models.discrete.dall_e import DALLE
from pushforward.models.discrete.dvae import DVAE
from pushforward.models.discrete.text_image_transformer import TextImageTransformer
from pushforward.nn.attention_patterns import Column, Convolutional, Full, Row, mask
from pushforward.objectives.contrastive import info_nce
from pushforward.probability.heads import CategoricalHead

SPACE, TEXT = Tokens((2, 2), 3), Tokens(3, 4)


@pytest.fixture
def prior():
    torch.manual_seed(0)
    model = TextImageTransformer(SPACE, TEXT, 16, 4, 2).double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


TEXTS = torch.tensor([[1, 2, 0], [3, 0, 0]])


def test_conditionals_sum_to_one_over_all_grids(prior) -> None:
    every = torch.tensor(list(itertools.product(range(3), repeat=4))).view(-1, 2, 2)
    for text in TEXTS:
        total = prior.log_prob(every, text.expand(len(every), -1)).logsumexp(0)
        assert total.item() == pytest.approx(0, abs=1e-10)


def test_captions_sum_to_one_over_all_sentences(prior) -> None:
    """A sentence is what stands before its end, or as many words as there is room for."""
    words = [w for n in range(4) for w in itertools.product((1, 2, 3), repeat=n)]
    every = torch.tensor([(*w, *(0,) * (3 - len(w))) for w in words])
    assert prior.log_prob_text(every).logsumexp(0).item() == pytest.approx(0, abs=1e-10)


def test_cached_draws_are_the_naive_ones(prior) -> None:
    text = TEXTS.repeat(20, 1)
    for options in ({}, {"guidance": 2.5}, {"temperature": 0.6, "top_k": 2}):
        torch.manual_seed(1)
        cached = prior.sample(len(text), text, **options)
        torch.manual_seed(1)
        assert torch.equal(cached, prior.sample_naively(len(text), text, **options))


def test_guidance_is_its_formula(prior) -> None:
    """The first code's frequencies against softmax of l0 + w (l1 - l0)."""
    n, w = 4_000, 2.0
    text, grid = TEXTS[:1].expand(n, -1), torch.zeros(1, 2, 2, dtype=torch.int64)
    told, nothing = (
        prior.conditionals(grid, t)[0, 0].log_softmax(-1) for t in (TEXTS[:1], prior.nothing(1))
    )
    torch.manual_seed(2)
    drawn = prior.sample(n, text, guidance=w)[:, 0, 0]
    want = (nothing + w * (told - nothing)).softmax(-1)
    seen = torch.bincount(drawn, minlength=3).double() / n
    assert torch.allclose(seen, want, atol=5 * math.sqrt(0.25 / n))


def test_options_out_of_range_are_told(prior) -> None:
    for options, said in (
        ({"guidance": -1.0}, "guidance must be a number of at least 0"),
        ({"temperature": 0.0}, "temperature must be a positive number"),
        ({"top_k": 0}, "top_k"),
    ):
        with pytest.raises(ValueError, match=said):
            prior.sample(2, TEXTS, **options)
    sure = TextImageTransformer(SPACE, TEXT, 16, 1, 2, hidden=0.0)
    with pytest.raises(ValueError, match="no caption was hidden"):
        sure.sample(2, TEXTS, guidance=2.0)


def test_the_k_likeliest_alone_are_drawn() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0]]).expand(2_000, -1)
    drawn = chooser(top_k=2)(CategoricalHead(4), logits)
    assert set(drawn.unique().tolist()) == {2, 3}
    share = float((drawn == 3).double().mean())
    assert share == pytest.approx(math.e / (1 + math.e), abs=0.06)


@pytest.mark.parametrize("pattern", [Full(), Row(), Column(), Convolutional(3)])
def test_masks_are_what_their_words_say(pattern) -> None:
    """Cell by cell, by rows and columns (appendix B.1, figure 11)."""
    text, height, width = 2, 4, 5
    seen = mask(pattern, text, (height, width))
    for i, j in itertools.product(range(height * width), repeat=2):
        (r, c), (_, d) = divmod(i, width), divmod(j, width)
        if isinstance(pattern, Convolutional):
            reached = any(
                (r + up) * width + c + aside == j for up in (-1, 0, 1) for aside in (-1, 0, 1)
            )
        else:
            reached = {"Full": True, "Row": i - j <= width, "Column": c == d}[
                type(pattern).__name__
            ]
        assert bool(seen[text + i, text + j]) == (j <= i and reached), (i, j)
    assert bool(seen[text:, :text].all())  # every cell sees the caption
    assert not bool(seen[:text, text:].any())


def test_contrast_is_cross_entropy_both_ways() -> None:
    torch.manual_seed(0)
    logits, own = torch.randn(6, 6, dtype=torch.float64), torch.arange(6)
    rows, columns = info_nce(logits)
    assert torch.allclose(rows, F.cross_entropy(logits, own, reduction="none"))
    assert torch.allclose(columns, F.cross_entropy(logits.T, own, reduction="none"))
    with pytest.raises(ValueError, match="square"):
        info_nce(logits[:3])


@pytest.fixture(scope="module")
def sprites():
    return captioned_sprites(size=8, colours=2, wordings=1)


def test_no_combination_is_in_two_splits(sprites) -> None:
    parts = (sprites.train, sprites.validation, sprites.test)
    seen = [set(map(tuple, part.factors.tolist())) for part in parts]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    assert sum(map(len, seen)) == 3 * 3 * 2 * 9


def test_captions_say_what_the_pictures_show(sprites) -> None:
    """Each factor's word stands in the caption; the judge reads the factors off the picture."""
    data = captioned_sprites(size=32, wordings=1)
    x, text = data.test.at(slice(0, 40))
    factors = data.test.factors[:40].long()
    assert torch.equal(factors_of(x), factors)
    told = Captions.recorded(data.origin).decode(text)
    words = ("white", "red", "green", "blue", "yellow", "magenta", "cyan")
    assert all(words[f[2]] in said for f, said in zip(factors.tolist(), told))


def test_captions_that_cannot_be_read_are_told(sprites) -> None:
    captions = Captions.recorded(sprites.origin)
    assert captions.decode(captions.encode(["сердце"])) == ["сердце"]  # bytes
    assert captions.strange("a large purple heart") == ["purple"]
    with pytest.raises(ValueError, match="must say something, but number 2 is empty"):
        captions.encode(["a red heart", "  "])
    with pytest.raises(ValueError, match="24"):
        captions.encode(["heart " * 100])


@pytest.fixture(scope="module")
def dall_e(sprites, tmp_path_factory):
    """A small one, not trained, in a file."""
    torch.manual_seed(0)
    text = sprites.given
    codec = DVAE(sprites.space, codes=8, width=8, halvings=1, blocks=1)
    prior = TextImageTransformer(Tokens(codec.grid, 8), text, 16, 2, 2)
    model = DALLE(codec, prior, 0.4, CLIP(sprites.space, text, 8, 8, 1, gallery=8), 0.2).eval()
    path = tmp_path_factory.mktemp("dalle") / "dalle.safetensors"
    return model, pf.save(model, path, record={"data": sprites.describe()})


def test_the_best_of_many_are_the_likest(dall_e, sprites) -> None:
    model, _ = dall_e
    text = sprites.test.at(slice(0, 1))[1]
    torch.manual_seed(3)
    best = model.best(2, text, 6)
    torch.manual_seed(3)
    drawn = torch.cat(list(model.draws(6, text.expand(6, -1))))
    likest = model.ranker.similarity(drawn, text.expand(6, -1)).topk(2).indices
    assert torch.equal(best, drawn[likest])


def test_what_is_known_stays(dall_e, sprites) -> None:
    model, _ = dall_e
    x, text = sprites.test.at(slice(0, 3))
    known = torch.zeros(1, 8, 8, dtype=torch.bool)
    known[:, :4] = True
    done = model.complete(x, known, text)
    assert torch.equal(done[:, :, :4], x[:, :, :4])


def test_a_sentence_draws_pictures_from_the_shell(dall_e, tmp_path, capsys) -> None:
    from pushforward.cli import Stop, main

    _, path = dall_e
    out = str(tmp_path / "drawn.png")
    words = ["sample", str(path), "--n", "2", "--text", "a purple heart at the top", "--out", out]
    main([*words, "--guidance", "2", "--rerank", "3"])
    said = capsys.readouterr()
    assert "no caption of the training had 'purple'" in said.err
    assert "drawn.png" in said.out

    part = tmp_path / "part.npy"
    numpy.save(part, numpy.full((3, 8, 8), -1))
    asked = ["--text", "a heart", "--partial", str(part)]
    for more, told in (
        (["sample", str(path), *asked, "--rerank", "9"], "completions are not ranked"),
        (["sample", str(path)], 'needs a text: give --text "..."'),
        (["sample", str(path), "--text", " "], "must say something"),
        (["sample", str(path), "--text", "a heart", "--n", "4", "--rerank", "2"], "fewer than --n"),
        (["sample", str(path), "--text", "a heart", "--label", "1"], "knows no classes"),
    ):
        with pytest.raises(Stop, match=told):
            main([*more, "--out", str(tmp_path / "other.png")])


def test_other_models_say_that_they_read_no_text(tmp_path) -> None:
    from pushforward.cli import Stop, main

    path = pf.save(pf.Independent(Pixels(1, 2, 2, 2)), tmp_path / "m.safetensors")
    with pytest.raises(Stop, match="reads no text: leave --text out"):
        main(["sample", str(path), "--text", "a heart"])
    with pytest.raises(Stop, match="has no guidance: leave --guidance out"):
        main(["sample", str(path), "--guidance", "2"])
    with pytest.raises(Stop, match="does not rank samples"):
        main(["sample", str(path), "--rerank", "9"])


def test_parts_that_do_not_fit_are_told(sprites) -> None:
    codec = DVAE(sprites.space, codes=8, width=8, halvings=1, blocks=1)
    prior = TextImageTransformer(Tokens(codec.grid, 8), sprites.given, 16, 2, 2)
    other = CLIP(Pixels(3, 16, 16), sprites.given, 8, 8, 1)
    with pytest.raises(ValueError, match="build both for the same data"):
        DALLE(codec, prior, 0.4, other, 0.2)
    with pytest.raises(ValueError, match="what codec_share leaves"):
        DALLE(codec, prior, 0.9, None, 0.2)
    with pytest.raises(ValueError, match="about images and captions"):
        CLIP(Tokens(3, 4), TEXT)
