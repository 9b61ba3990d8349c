"""Files that were written by somebody who knows how: what they say is refused in words."""

from __future__ import annotations

import json
import time

import pytest
import torch
from safetensors.torch import save_file

import pushforward as pf
from pushforward.core import checkpoint
from pushforward.core.blueprint import BlueprintError, decode, encode
from pushforward.core.catalogue import examples
from pushforward.core.limits import DEPTH, SLACK, TIMES, Limits
from pushforward.core.records import checked, parsed
from toys import Normal, normal_data


@pytest.fixture
def saved(tmp_path):
    pf.fit(Normal(2), normal_data(), pf.Recipe(2, 8), tmp_path, quiet=True)
    return tmp_path / "checkpoint.safetensors"


def forge(path, blueprint=None, record=None, **tensors):
    """Rewrites a checkpoint with other texts and tensors, and a digest that fits."""
    read = checkpoint.read(path)
    given = {"blueprint": blueprint, "record": record}
    texts = {
        k: json.dumps(getattr(read, k)) if v is None else v if isinstance(v, str) else json.dumps(v)
        for k, v in given.items()
    }
    changed = {**read.tensors, **tensors}
    digest = checkpoint.digest_of(changed, texts)
    save_file(changed, path, {"format": checkpoint.FORMAT, **texts, "digest": digest})


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "3", '"x"', "[]", "null", "[" * 100_000, "9" * 10_000, "true"],
)
@pytest.mark.parametrize("part", ["blueprint", "record"])
def test_texts_that_are_no_checkpoint_are_refused(saved, part, text):
    forge(saved, **{part: text})
    with pytest.raises(pf.CheckpointError, match=str(saved)):
        pf.load(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data", 3),
        ("data", {"spec": 3}),
        ("data", {"name": None}),
        ("data", {"rate": -5}),
        ("data", {"rate": True}),
        ("data", {"words": []}),
        ("data", {"words": ["a"]}),
        ("data", {"words": [3], "unit": "words"}),
        ("data", {"examples": []}),
        ("training", []),
        ("training", {"step": "x"}),
        ("training", {"seconds": "x"}),
        ("training", {"stage": -1}),
        ("recipe", 3),
        ("recipe", {"record": "Adam", "fields": {}}),
        ("preset", ["x"]),
        ("space", None),
        ("started", 1),
    ],
)
def test_a_record_of_another_form_is_refused_by_its_part(saved, key, value):
    record = {**checkpoint.read(saved).record, key: value}
    with pytest.raises(ValueError, match=rf"says {key}\b|words without their unit"):
        checked(record)
    forge(saved, record=record)
    for look in (pf.load, checkpoint.record_of):
        with pytest.raises(pf.CheckpointError, match=str(saved)):
            look(saved)


def test_a_record_of_ours_is_of_the_form(saved):
    record = checkpoint.read(saved).record
    assert checked(record) == record
    assert checked({}) == {}
    assert parsed('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize(
    "change",
    [{"step": 10**9}, {"stage": 7}, {"cursor": 10**12}],
)
def test_a_place_in_a_training_that_there_is_not_is_refused(saved, change):
    record = checkpoint.read(saved).record
    forge(saved, record={**record, "training": {**record["training"], **change}})
    training = pf.Training(Normal(2), normal_data(), pf.Recipe(2, 8))
    if change == {"cursor": 10**12}:
        list(training.resume(saved))
        return
    with pytest.raises(pf.CheckpointError, match=str(saved)):
        list(training.resume(saved))


@pytest.mark.parametrize("name", ["random.cpu", "random.order", "optimizer.model.0.exp_avg"])
def test_a_state_that_is_none_is_refused(saved, name):
    forge(saved, **{name: torch.zeros(7, dtype=torch.int16)})
    training = pf.Training(Normal(2), normal_data(), pf.Recipe(2, 8))
    with pytest.raises(pf.CheckpointError, match="holds a training that cannot go on"):
        list(training.resume(saved))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, torch.uint8])
def test_weights_of_another_type_are_refused(saved, dtype):
    forge(saved, **{"model.mean": torch.zeros(2, dtype=dtype)})
    with pytest.raises(pf.CheckpointError, match="of another type: mean"):
        pf.load(saved)


HUGE = (10**30, 2 * SLACK, -(10**12))


def arguments(node, path=()):
    """Where whole numbers stand among the arguments of a blueprint."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, item in pairs:
        if type(item) is int and key not in ("id", "ref"):
            yield (*path, key)
        elif isinstance(item, dict | list):
            yield from arguments(item, (*path, key))


@pytest.mark.parametrize(
    "name", ["made", "realnvp", "vae", "ddpm_images", "gmm", "pixelcnn", "glow"]
)
def test_no_size_is_asked_for_that_the_file_does_not_hold(name):
    """Whatever number of a blueprint is huge, it is refused at once."""
    model = examples()[name].build()
    numbers, text = sum(t.numel() for t in checkpoint.weights(model).values()), encode(model)
    decode(text, numbers)
    assert list(arguments(text))
    for *path, last in arguments(text):
        for value in HUGE:
            node = json.loads(json.dumps(text))
            home = node
            for key in path:
                home = home[key]
            home[last] = value
            start = time.process_time()
            with pytest.raises(BlueprintError, match="its networks ask for"):
                decode(node, numbers)
            assert time.process_time() - start < 1, f"{last} = {value} took long"


def test_memory_is_counted_before_it_is_taken():
    limits = Limits(1_000)
    most = max(TIMES * 1_000, SLACK)
    for make in (
        lambda: torch.empty(most + 1),
        lambda: torch.zeros(most // 2, 3),
        lambda: torch.arange(most + 1),
        lambda: torch.eye(most // 8),
        lambda: torch.ones(1, most // 8) * torch.ones(most // 8, 1),
        lambda: [torch.nn.Linear(1_000, 1_000) for _ in range(100)],
        lambda: torch.nn.ModuleList(torch.nn.Identity() for _ in range(10**5)),
    ):
        with (
            pytest.raises(BlueprintError, match=r"networks ask for [\d,]+ numbers, but .* 1,000"),
            Limits(1_000).watching(),
        ):
            make()
    with limits.watching():
        torch.nn.Linear(1_000, 1_000)
        torch.zeros(10**9, 10**9, device="meta")
    assert 1_000_000 < limits.asked < 3_000_000
    torch.nn.ModuleList([torch.nn.Identity()])  # nobody counts afterwards
    assert limits.asked < 3_000_000


def test_numbers_and_depths_are_bounded_and_seeds_are_not():
    limits = Limits(10)
    limits.check({"seed": 10**15, "width": [64, {"x": 128}], "name": "x", "rate": 1e300})
    with pytest.raises(BlueprintError, match="ask for"):
        limits.check({"width": [64, {"x": 10**9}]})
    deep: list = []
    for _ in range(DEPTH + 1):
        deep = [deep]
    with pytest.raises(BlueprintError, match="parts in each other"):
        limits.check(deep)


def test_a_file_that_holds_no_model_says_so(saved):
    forge(saved, blueprint={"record": "Adam", "fields": {}})
    with pytest.raises(pf.CheckpointError, match="holds no model, but a Adam"):
        pf.load(saved)
