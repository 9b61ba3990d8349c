"""The one trainer: it plays the game that a model declares, and yields reports.

The body of the user's `for` loop is the callback: log, plot, stop, save. `fit` is that loop with a
progress bar, a log and checkpoints.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.blueprint import encode
from ..core.checkpoint import rehearsed
from ..core.contract import Generative, Player, Stage
from ..core.dataset import Batch, Dataset
from ..core.misfits import in_words
from ..core.spaces import trusted
from ..core.streams import is_of_readers, unread
from . import distributed, snapshots, state
from .batches import Batches
from .denormals import flushed
from .ema import averages
from .fitness import available, check_fit
from .mover import movers
from .recipe import PowerAverages, Recipe
from .reports import Diverged, Report, Window, first_player
from .soundness import first_line, is_of_numbers, unsound, weights_not_finite

VALIDATION_EXAMPLES = 2_000
CHEAP = 5.0  # seconds that validations may always take


class Training:
    """An iterator of reports. In each step every player of the stage takes its turns.

    Training has its own random state: what the loop's body draws does not change it, nor does
    training change the caller's. Two runs with one seed are equal, and so is a run that was put
    down with `save` and taken up with `resume`.

    Args:
        model: any `Generative`; it is moved to `device` and trained in place.
        data: a `Dataset` over the model's space.
        recipe: how to train.
        device: where; by default where the model is.

    Only modules of players are in training mode, and only while they play: whoever looks at the
    model in the loop's body, or takes it and leaves, sees it in eval mode.

    Raises:
        ValueError: where the data's space is not the model's, or what stands beside x is not what
            the model is told (a model that is told nothing sees x alone), a batch is larger than
            the data, the device is not there, or model, recipe or data cannot be told to a file.
        Diverged: while iterating, where a loss is not a number.

    >>> import pushforward as pf
    >>> training = Training(pf.GMM(2, components=8), pf.data.moons(), Recipe(10, None))
    >>> [report.step for report in training][-1]
    10
    """

    @torch.inference_mode(False)
    def __init__(
        self,
        model: Generative,
        data: Dataset,
        recipe: Recipe = Recipe(),  # noqa: B008 (it is frozen)
        device: torch.device | str | None = None,
    ):
        data = data.told(model.given)
        check_fit(model, data, recipe)
        self.blueprint = rehearsed(model)
        distributed.same(model=self.blueprint, recipe=encode(recipe), data=state.described(data))
        self.model, self.data, self.recipe = (
            model.to(available(device or model.device)),
            data,
            recipe,
        )
        distributed.synchronise(model)
        rank, world = distributed.rank(), distributed.world()
        self.batches = Batches(
            data.train, recipe.batch_size, model.device, recipe.seed, rank, world
        )
        self.averages = averages(model, recipe.ema)
        # What is compiled cannot be told which rows are whose, so there each draws its own noise.
        self.random = state.Random(model.device, recipe.seed + rank * recipe.compile)
        self.step, self.seconds, self.began = 0, 0.0, 0.0
        self.validating, self.validation_cost, self.held_back = 0.0, 0.0, False
        self.stop_asked = self.report_asked = self.agreed = False
        self.wishes = distributed.Wishes()
        self.watch: Callable[[str, int, int], None] | None = None
        self.window = Window()
        self.saved: Path | None = None
        self.saved_step = 0
        self.preset: str | None = None
        self._enter(0)

    @property
    def result(self) -> Generative:
        """The model to use: the averaged one where an average is kept, the first of several."""
        return self.averages[0].model if self.averages else self.model

    def stop(self) -> None:
        """Asks the iteration to end after the step under way (of many processes, the next)."""
        self.stop_asked = True

    @property
    def ending(self) -> bool:
        """Whether no further step is made: by now, or since the last report of many processes."""
        return self.agreed if distributed.world() > 1 else self.stop_asked

    def ask_report(self) -> None:
        """Asks for a report after the step under way, as of a step where one is due."""
        self.report_asked = True

    def save(self, path: str | Path) -> Path:
        """Writes, atomically, what `pf.load` reads as a model and `resume` continues."""
        self.saved, self.saved_step = self.write(path), self.step
        return self.saved

    def write(self, path: str | Path) -> Path:
        """Writes the same as `save`, as a copy: it is not what this training goes on from."""
        return state.save(self, Path(path))

    @property
    def kept(self) -> str:
        """Which checkpoint is good, in words."""
        return f"The last good checkpoint is {self.saved}" if self.saved else "Nothing was saved"

    @property
    def snapshot_due(self) -> bool:
        """Whether a snapshot of the averages is taken now. There is a report at such a step."""
        kept = self.recipe.ema
        return isinstance(kept, PowerAverages) and kept.due(self.step, self.recipe.steps)

    def snapshot(self, folder: str | Path) -> Path:
        """Writes the averages as they are now to a file of the step in `folder`, for
        `pf.averaged`. Raises ValueError where the recipe keeps no `PowerAverages`.
        """
        return snapshots.save(self, Path(folder))

    def check(self) -> None:
        """Raises Diverged where weights, losses or samples are not finite by now."""
        if (why := unsound(self)) is not None:
            raise self._diverged(why)

    def _diverged(self, why: str) -> Diverged:
        return Diverged(
            f"training diverged at step {self.step}: {why}. {self.kept}. A lower learning rate, or "
            "Recipe(clip=1.0), often helps"
        )

    @torch.inference_mode(False)
    def resume(self, path: str | Path) -> Training:
        """Takes up what `save` put down, bit for bit. Returns itself.

        Raises CheckpointError where the file's model, data or recipe differs from this one's.
        """
        state.restore(self, Path(path))
        self.saved, self.saved_step = Path(path), self.step
        return self

    def __iter__(self) -> Iterator[Report]:
        while self.step < self.recipe.steps and not self.ending:
            with self._playing():
                report = self._until_report_or_divergence()
            yield report

    @contextmanager
    def _playing(self) -> Iterator[None]:
        self.began = time.perf_counter()
        # Within torch.no_grad() or inference_mode() a model learns all the same.
        learning = torch.inference_mode(False), torch.enable_grad()
        with learning[0], learning[1], self.random.mine(), trusted(), flushed():
            yield
        self.seconds = self._taken()

    def _taken(self) -> float:
        """Seconds of training so far, those of the stretch under way among them."""
        return self.seconds + time.perf_counter() - self.began

    def _until_report_or_divergence(self) -> Report:
        """Torch refuses numbers that are none in its own way, before a loss has shown them."""
        try:
            return self._until_report()
        except (ValueError, RuntimeError) as error:
            if is_of_readers(error):
                raise unread(error) from error
            if distributed.is_of_others(error):
                raise distributed.lost(error, self.kept) from error
            why = None if isinstance(error, Diverged) else weights_not_finite(self)
            if why is None and not is_of_numbers(error):
                if (told := in_words(self.model, error)) is not error:
                    raise told from error
                raise
            raise self._diverged(why or first_line(error)) from error

    def _until_report(self) -> Report:
        self.window = window = Window()
        every = self.recipe.every(self.recipe.report_every, 100)
        self._play()
        while True:
            self._step(window)
            ended = self.step in (self.recipe.steps, *self.ends)
            self._told("train", self.step, self.recipe.steps)
            stop, report = self.wishes(self.stop_asked, self.report_asked)
            if self.step % every == 0 or ended or stop or report or self.snapshot_due:
                self.wishes.settle()
                self.agreed = distributed.anyone(self.stop_asked)
                self.report_asked = False
                self.model.eval()  # whoever looks now, or leaves with the model, changes nothing
                return self._report(window)

    def _play(self) -> None:
        """The modules of this stage's players are in training mode, and no others."""
        self.model.eval()
        for mover in self.movers:
            mover.player.module.train()

    def _step(self, window: Window) -> None:
        if self.step >= self.ends[self.stage]:
            self._enter(self.stage + 1)
            self._play()
        with self._share(self.batches.size):
            self._moves(window)
        for average in self.averages:
            average.update()
        self.step += 1
        window.steps += 1

    def _share(self, n: int) -> AbstractContextManager[Any]:
        """This process's rows of a batch."""
        return distributed.share(n, self.recipe.synchronised, not self.recipe.compile)

    def _moves(self, window: Window) -> None:
        begin, end = ([0, *self.ends])[self.stage], self.ends[self.stage]
        for progress in self.progress:
            progress.fill_((self.step - begin) / max(1, end - begin - 1))
        factor = self.recipe.schedule.factor(self.step - begin, end - begin)
        playing = [m for m in self.movers if self.step % m.player.every == 0]
        drawn = [self._batch() for _ in range(max((m.player.turns for m in playing), default=0))]
        for mover in playing:
            for batch in drawn[: mover.player.turns]:
                window.add(self.step + 1, mover.player.name, mover.move(batch, factor))

    def _batch(self) -> Batch:
        self.last = self.batches.next()
        with torch.no_grad():
            return self.stages[self.stage].view(*self.last)

    def _enter(self, stage: int) -> None:
        self.stage = stage
        self.stages: tuple[Stage, ...] = self.model.stages()
        self.ends = _ends(self.stages, self.recipe.steps)
        name, players = self.stages[stage].name, self.stages[stage].players
        self.movers = movers(players, self.recipe, name)
        self.batches.resize(self.recipe.batch_sizes.get(name, self.recipe.batch_size))
        moving = _under_way(self.model, players)
        self.progress = [m.progress for m in moving]
        for module in self.model.modules():
            if isinstance(module, Generative) and module not in moving:
                module.progress.fill_(1.0)  # as everywhere where nobody trains

    def _report(self, window: Window) -> Report:
        terms = window.means(self.kept, self.batches.size)
        self.random.agree()
        speed = window.speed()
        every = self.recipe.every(self.recipe.validate_every, 10)
        due = every > 0 and self.step // every > (self.step - window.steps) // every
        due = due and len(self.data.validation) > 0
        held = self._validate() if due and any(m.loss for m in self.movers) else None
        stage = self.stages[self.stage].name
        loss, taken = first_player(terms), self._taken()
        seen = self._diagnosed()
        return Report(self.step, self.recipe.steps, stage, loss, terms, held, speed, taken, seen)

    def _diagnosed(self) -> dict[str, float]:
        """What the model says of the last batch, by random numbers that are not this training's."""
        with state.Random(self.model.device, self.recipe.seed).mine(), torch.no_grad():
            return {name: float(v) for name, v in self.model.diagnostics(*self.last).items()}

    def _told(self, what: str, done: int, total: int) -> None:
        if self.watch is not None:
            self.watch(what, done, total)

    def _affordable(self, cost: float) -> bool:
        """Whether a validation of so many seconds leaves training the longer part of the time.

        Where the recipe says when to validate, it is. A warning tells of the first that is not.
        """
        total, training = self.validating + cost, self._taken() - self.validating
        cheap = self.recipe.validate_every is not None or total < max(CHEAP, training)
        if distributed.firsts(cheap):
            return True
        if not self.held_back:
            self.held_back = True
            warnings.warn(
                f"a validation takes {cost:.0f} s, and training took {training:.0f} s so far: "
                "it is left out until that is longer (validate_every, --validate-every)",
                stacklevel=2,
            )
        return False

    def _validate(self) -> dict[str, float] | None:
        """Mean terms on held-out data; None where that would take longer than the training."""
        if not self._affordable(self.validation_cost):
            return None
        start = time.perf_counter()
        found = self._held_out(start)
        spent = time.perf_counter() - start
        self.validating += spent
        self.validation_cost = spent if found is not None else self.validation_cost
        return found

    def _held_out(self, start: float) -> dict[str, float] | None:
        """Mean terms on held-out data, under a seed of its own. Nobody moves.

        Schedules of the model are at their ends, as everywhere where nobody trains, so that the
        losses of one stage compare.
        """
        for progress in self.progress:
            progress.fill_(1.0)
        sums: dict[str, Tensor] = {}
        held, done = self.data.validation.first(VALIDATION_EXAMPLES), 0
        with state.Random(self.model.device, self.recipe.seed).mine():
            for batch in held.batches(self.batches.size, self.model.device):
                if done and not self.validation_cost:  # the first time, one batch tells it
                    cost = (time.perf_counter() - start) * len(held) / done
                    if not self._affordable(cost):
                        self.validation_cost = cost
                        return None
                done += len(batch[0])
                for name, mean in self._seen_by_all(batch).items():
                    sums[name] = sums.get(name, 0) + mean * (len(batch[0]) / len(held))
                self._told("validating", done, len(held))
        return {name: value.item() for name, value in sums.items()}

    def _seen_by_all(self, batch: Batch) -> dict[str, Tensor]:
        """Mean terms of a batch, of which every process computes its rows."""
        n = len(batch[0])
        if n < distributed.world():  # too few to share
            return self._seen(batch)
        with self._share(n):
            terms = self._seen(tuple(t[distributed.rows(n)] for t in batch))
        if distributed.world() == 1 or not terms:
            return terms
        return dict(zip(terms, distributed.merged(torch.stack(list(terms.values())), n)))

    def _seen(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            seen = self.stages[self.stage].view(*batch)
        return {
            f"{mover.player.name}/{name}": mean.detach()
            for mover in self.movers
            if mover.loss is not None
            for name, mean in mover.terms(seen).items()
        }


def _under_way(model: Generative, players: tuple[Player, ...]) -> set[Generative]:
    """Whose `progress` moves in a stage: the model's, and that of all whom its players move, or
    whose losses they follow.
    """
    found: set[nn.Module] = {model}
    for player in players:
        found.update(player.module.modules())
        found.add(getattr(player.loss or player.update, "__self__", model))
    return {module for module in found if isinstance(module, Generative)}


def _ends(stages: tuple[Stage, ...], steps: int) -> list[int]:
    """The step at which each stage ends; the last ends with the training.

    >>> from pushforward.core.contract import Player
    >>> player = Player("p", torch.nn.Linear(1, 1), update=lambda x: {})
    >>> _ends((Stage("a", (player,), share=3), Stage("b", (player,))), 100)
    [75, 100]
    """
    total, shares = sum(s.share for s in stages), [s.share for s in stages]
    return [round(steps * sum(shares[: i + 1]) / total) for i in range(len(stages))]
