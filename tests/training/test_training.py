import json
import math
import os
import signal

import pytest
import torch
from scipy.stats import norm
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR

import pushforward as pf
from pushforward.core.checkpoint import weights
from pushforward.training.ema import Average
from pushforward.training.fit import CHECKPOINT, LOG
from toys import Duel, Normal, duel, normal_data


def train(model, recipe, data=None):
    training = pf.Training(model, data or normal_data(), recipe)
    return training, list(training)


def test_maximum_likelihood_finds_mean_and_scale():
    data = normal_data()
    model = Normal(2)
    train(model, pf.Recipe(400, 512, pf.Adam(3e-2), schedule=pf.Cosine()), data)
    x = data.train.tensors[0]
    assert torch.allclose(model.mean, x.mean(0), atol=1e-3)
    assert torch.allclose(model.log_scale.exp(), x.std(0, correction=0), atol=1e-3)


def test_the_fused_optimiser_is_adam():
    """One step by hand, from the paper's algorithm 1, with decoupled weight decay."""
    torch.manual_seed(0)
    data, model = normal_data(n=128), Normal(2)
    start = model.mean.detach().clone()
    x = data.train.tensors[0]
    train(model, pf.Recipe(1, 128, pf.Adam(0.1, eps=1e-3)), data)
    gradient = -(x.mean(0) - start)
    assert torch.allclose(model.mean, start - 0.1 * gradient / (gradient.abs() + 1e-3), atol=1e-5)


@pytest.mark.parametrize("accumulate", [2, 5])
def test_accumulation_has_the_gradient_of_the_whole(accumulate):
    torch.manual_seed(0)
    whole, parts = Normal(2), Normal(2)
    recipe = {"steps": 7, "batch_size": 64, "optimizer": pf.SGD(0.1)}
    _, one = train(whole, pf.Recipe(**recipe))
    _, other = train(parts, pf.Recipe(**recipe, accumulate=accumulate))
    assert torch.allclose(whole.mean, parts.mean, atol=1e-6)
    assert one[-1].loss == pytest.approx(other[-1].loss, rel=1e-5)


def test_two_runs_with_a_seed_are_equal_whatever_the_body_draws():
    torch.manual_seed(0)
    first = duel()
    second = pf.core.blueprint.decode(pf.core.blueprint.encode(first))
    second.load_state_dict(first.state_dict())
    recipe = pf.Recipe(10, 32, report_every=1)
    for _ in pf.Training(first, normal_data(), recipe):
        pass
    for _ in pf.Training(second, normal_data(), recipe):
        torch.rand(11)
    for name, tensor in weights(first).items():
        assert torch.equal(tensor, weights(second)[name])


def test_training_leaves_the_callers_random_state():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    training = pf.Training(Normal(2), normal_data(), pf.Recipe(3, 32))
    list(training)
    assert torch.equal(torch.rand(1), expected)


def test_denormals_are_flushed_in_training_alone():
    from pushforward.training.denormals import flushing

    seen = []

    class Watching(Normal):
        def loss(self, x):
            seen.append(flushing())
            return super().loss(x)

    for report in pf.Training(Watching(2), normal_data(), pf.Recipe(2, 32, report_every=1)):
        assert not flushing(), report
    assert seen
    assert all(seen)


def test_turns_share_batches():
    seen = []

    class Watching(Duel):
        def critic_loss(self, x):
            seen.append(("critic", x))
            return super().critic_loss(x)

        def generator_loss(self, x):
            seen.append(("generator", x))
            return super().generator_loss(x)

    model = Watching(pf.MLP(2, 1, width=8), pf.MLP(2, 2, width=8), turns=3)
    train(model, pf.Recipe(1, 32, validate_every=0))
    assert [name for name, _ in seen] == ["critic"] * 3 + ["generator"]
    assert torch.equal(seen[0][1], seen[3][1])
    assert not torch.equal(seen[0][1], seen[1][1])


class Number(pf.Component):
    """One weight."""

    def __init__(self, start: float):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(start))


class Seesaw(pf.Generative):
    """min_a max_b a b: either loss runs through both weights."""

    def __init__(self, a: Number, b: Number):
        super().__init__(pf.Reals((2,)))
        self.a, self.b = a, b

    def sample(self, n):
        return torch.zeros(n, 2)

    def players(self):
        return pf.Player("a", self.a, self.product), pf.Player("b", self.b, self.minus)

    def product(self, x):
        return {"product": (self.a.weight * self.b.weight).expand(len(x))}

    def minus(self, x):
        return {"product": -(self.a.weight * self.b.weight).expand(len(x))}


def test_a_player_moves_by_its_own_gradient_alone():
    """Three rounds by hand: a falls by 0.1 b, then b rises by 0.1 a."""
    model, a, b = Seesaw(Number(2.0), Number(3.0)), 2.0, 3.0
    train(model, pf.Recipe(3, 32, pf.SGD(0.1), validate_every=0))
    for _ in range(3):
        a -= 0.1 * b
        b += 0.1 * a
    assert model.a.weight.item() == pytest.approx(a, rel=1e-6)
    assert model.b.weight.item() == pytest.approx(b, rel=1e-6)


def test_each_epoch_shows_everything_once():
    seen = []

    class Watching(Normal):
        def loss(self, x):
            seen.append(x)
            return super().loss(x)

    data = normal_data(n=60)
    train(Watching(2), pf.Recipe(6, 20, validate_every=0), data)
    for epoch in (seen[:3], seen[3:]):
        shown = torch.cat(epoch)
        order = shown[:, 0].argsort()
        expected = data.train.tensors[0]
        assert torch.equal(shown[order], expected[expected[:, 0].argsort()])
    assert not torch.equal(seen[0], seen[3]), "epochs differ in order"


def test_progress_runs_from_0_to_1_in_each_stage():
    seen = {"a": [], "b": []}

    class Staged(Normal):
        def stages(self):
            def noting(name):
                def loss(x):
                    seen[name].append(self.progress.item())
                    return self.loss(x)

                return pf.Stage(name, (pf.Player("p", self, loss),), share=1 if name == "a" else 3)

            return (noting("a"), noting("b"))

    _, reports = train(Staged(2), pf.Recipe(20, 32, validate_every=0))
    assert len(seen["a"]) == 5
    assert len(seen["b"]) == 15
    assert {(v[0], v[-1]) for v in seen.values()} == {(0.0, 1.0)}
    assert [r.stage for r in reports] == ["a"] * 5 + ["b"] * 15


def test_the_average_forgets_the_start_and_follows():
    model = Normal(2)
    training, _ = train(model, pf.Recipe(300, 128, pf.Adam(1e-2), ema=0.9))
    assert training.result is not model
    assert not torch.equal(training.result.mean, model.mean)
    assert torch.allclose(training.result.mean, model.mean, atol=0.05)
    assert not training.result.training


@pytest.mark.parametrize("decay", [0.15, 0.9])
def test_the_average_is_its_recursion(decay):
    """The first update copies; after it the decay is min(decay, (1 + n) / (10 + n))."""
    model, expected = Normal(1), 0.0
    average = Average(model, decay)
    for n, weight in enumerate((3.0, -1.0, 4.0, 1.5, -9.0)):
        torch.nn.init.constant_(model.mean, weight)
        average.update()
        kept = min(decay, (1 + n) / (10 + n)) if n else 0.0
        expected = kept * expected + (1 - kept) * weight
        assert average.model.mean.item() == pytest.approx(expected, rel=1e-6)


def test_validation_is_the_mean_over_all_that_is_held_out():
    """Also where the last batch is smaller than the others."""
    data = normal_data()
    _, reports = train(Normal(2), pf.Recipe(1, 50, pf.SGD(1e-12), validate_every=1), data)
    held = norm.logpdf(data.validation.tensors[0].double().numpy()).sum(1)
    assert reports[-1].validation["model/nll"] == pytest.approx(-held.mean(), rel=1e-5)


def test_clipping_bounds_the_step():
    model = Normal(2)
    train(model, pf.Recipe(1, 128, pf.SGD(1.0), clip=0.01))
    assert torch.cat([model.mean, model.log_scale]).norm().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("schedule", [pf.Constant(10), pf.Cosine(10, 0.1), pf.Decay(0.1, 10)])
def test_schedules_warm_up_and_end(schedule):
    factors = [schedule.factor(step, 100) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == pytest.approx(1.0)
    assert factors[100] == pytest.approx(1.0 if isinstance(schedule, pf.Constant) else 0.1)


def test_schedules_are_torchs_after_the_warm_up():
    one = torch.nn.Parameter(torch.zeros(()))
    for ours, theirs in (
        (pf.Cosine(10, 0.1), lambda o: CosineAnnealingLR(o, 90, 0.1)),
        (pf.Decay(0.1, 10), lambda o: ExponentialLR(o, 0.1 ** (1 / 90))),
    ):
        optimiser = torch.optim.SGD([one], 1.0)
        schedule = theirs(optimiser)
        for step in range(10, 101):
            assert ours.factor(step, 100) == pytest.approx(schedule.get_last_lr()[0], rel=1e-6)
            optimiser.step()
            schedule.step()


def test_bf16_is_close_and_keeps_float32_weights():
    torch.manual_seed(0)
    model = duel()
    _, reports = train(model, pf.Recipe(5, 32, bf16=True, validate_every=0))
    assert all(math.isfinite(r.loss) for r in reports)
    assert all(p.dtype == torch.float32 for p in model.parameters())


@pytest.mark.slow
def test_compiling_gives_the_same_losses():
    runs = []
    for compiled in (False, True):
        torch.manual_seed(0)
        _, reports = train(Normal(2), pf.Recipe(20, 64, compile=compiled, report_every=1))
        runs.append([r.loss for r in reports])
    assert runs[0] == pytest.approx(runs[1], rel=1e-5)


def test_a_loss_that_is_not_a_number_stops_with_step_term_and_checkpoint(tmp_path):
    class Sick(Normal):
        def loss(self, x):
            fine = super().loss(x)
            self.calls = getattr(self, "calls", 0) + 1
            return {**fine, "extra": x.sum() * (math.nan if self.calls == 8 else 0.0)}

    recipe = pf.Recipe(20, 32, report_every=2, save_every=4, validate_every=0)
    with pytest.raises(pf.Diverged) as error:
        pf.fit(Sick(2), normal_data(), recipe, tmp_path, quiet=True)
    said = str(error.value)
    assert "'extra'" in said
    assert "'model'" in said
    assert "step 8" in said
    assert str(tmp_path / CHECKPOINT) in said
    assert pf.core.checkpoint.read(tmp_path / CHECKPOINT).record["training"]["step"] == 4


def test_fit_logs_and_saves(tmp_path):
    history = []
    recipe = pf.Recipe(40, 32, report_every=10)
    model = pf.fit(Normal(2), normal_data(), recipe, tmp_path, quiet=True, history=history)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40] == [r.step for r in history]
    assert lines[-1]["validation"]["model/nll"] < lines[0]["validation"]["model/nll"]
    assert torch.equal(pf.load(tmp_path / CHECKPOINT).mean, model.mean)
    recorded = pf.core.checkpoint.read(tmp_path / CHECKPOINT).record["data"]
    assert recorded == {"name": "normal", "splits": {"train": 512, "validation": 128, "test": 512}}
    with pytest.raises(FileExistsError, match="--resume"):
        pf.fit(Normal(2), normal_data(), recipe, tmp_path, quiet=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_saves_and_says_how_to_go_on(tmp_path, number):
    calls = []

    class Stopping(Normal):
        def loss(self, x):
            calls.extend([1] * self.training)
            if len(calls) == 7 and self.training:
                os.kill(os.getpid(), number)
            return super().loss(x)

    torch.manual_seed(0)
    recipe = pf.Recipe(20, 32, report_every=5, validate_every=0)
    with pytest.raises(pf.Interrupted, match=r"step 7 of 20; saved to .*--resume"):
        pf.fit(Stopping(2), normal_data(), recipe, tmp_path, quiet=True)
    resumed = pf.fit(Stopping(2), normal_data(), recipe, tmp_path, resume=True, quiet=True)
    torch.manual_seed(0)
    whole = pf.fit(Normal(2), normal_data(), recipe, quiet=True)
    assert torch.equal(resumed.mean, whole.mean)


def test_resuming_another_run_is_refused(tmp_path):
    training, _ = train(Normal(2), pf.Recipe(4, 32))
    path = training.save(tmp_path / "a.safetensors")
    for model, data, recipe, said in (
        (Normal(2), normal_data(), pf.Recipe(4, 16), "another recipe: fields.batch_size was 32"),
        (Normal(2), normal_data(n=256), pf.Recipe(4, 32), "another data: splits"),
        (duel(), normal_data(), pf.Recipe(4, 32), "another model"),
    ):
        with pytest.raises(pf.CheckpointError, match=said):
            pf.Training(model, data, recipe).resume(path)
    pf.save(Normal(2), tmp_path / "b.safetensors")
    with pytest.raises(pf.CheckpointError, match="no training"):
        pf.Training(Normal(2), normal_data(), pf.Recipe(4, 32)).resume(tmp_path / "b.safetensors")


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: pf.Recipe(steps=-1), "steps must be a whole number of at least 1, not -1"),
        (lambda: pf.Recipe(ema=1.5), "ema is a decay"),
        (lambda: pf.Adam(lr=-1.0), "lr must be a positive number"),
        (lambda: pf.Training(Normal(2), normal_data(64), pf.Recipe(1, 65)), "larger than the 64"),
        (lambda: pf.Training(Normal(3), normal_data(), pf.Recipe(1)), "the model is for Reals"),
        (
            lambda: pf.Training(Normal(2), normal_data(), pf.Recipe(1, optimizers={"x": pf.SGD()})),
            "no player is called 'x'",
        ),
        (lambda: pf.Player("p", torch.nn.Identity()), "either a loss or an update"),
    ],
)
def test_impossible_wishes_are_refused(build, said):
    with pytest.raises(ValueError, match=said):
        build()


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="such as 'cpu', not 'gpuu'"):
        pf.Training(Normal(2), normal_data(), pf.Recipe(1), device="gpuu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="not 'cuda'"):
            pf.Training(Normal(2), normal_data(), pf.Recipe(1), device="cuda")
