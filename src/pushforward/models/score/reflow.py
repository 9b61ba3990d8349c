"""Reflow: a flow learns again from the pairs that it made, whose paths cross no more.

    z ~ N(0, I),   x = the end of the teacher's flow from z
    E_t E |v(x_t, t) - (z - x)|^2,     x_t = (1 - t) x + t z

Flow matching draws lines between data and noise that have nothing to do with each other. They cross
where the velocity can only be their mean, so the flow bends. The flow's own pairs are joined by
paths that do not cross; the lines between their ends cross less, and the next flow is nearly
straight: a step or two of Euler's rule suffice.

Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow (Liu et al.,
2023), arXiv:2209.03003, section 2.2 and algorithm 1.
Differs from the paper: pairs are made as they are needed, by the teacher's own solver, and none is
used twice.
"""

from __future__ import annotations

from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Completing, Player, Pushforward, Stage, Terms, keep_apart
from ...core.dataset import Batch
from ...core.spaces import Reals
from ...nn.denoiser import TimeMLP
from ...solvers.samplers import DDIM
from .diffusion import Given
from .flow_matching import FlowMatching
from .inheritance import Inheritance


class Reflow(Pushforward, Completing):
    """Two flows of the same data: the first learns from data, the second from the first.

    Where their networks are built alike, the second begins with the weights of the first.

    Args:
        teacher: the first, whose sampler makes the pairs.
        student: the second, which draws this model's samples.
        share: of the training steps, for the teacher.
    """

    def __init__(self, teacher: FlowMatching, student: FlowMatching, share: float = 0.5):
        if teacher.space != student.space or teacher.given != student.given:
            raise ValueError(
                f"the teacher is of {teacher.space} given {teacher.given}, the student of "
                f"{student.space} given {student.given}: they must be of the same data and told "
                "the same"
            )
        if not 0 < share < 1:
            raise ValueError(f"share must be between 0 and 1, not {share!r}")
        keep_apart(teacher, student)
        super().__init__(student.space, student.given)
        self.teacher, self.student, self.share = teacher, student, share
        self.inheritance = Inheritance()

    def stages(self) -> tuple[Stage, ...]:
        """The teacher on data, then the student on pairs."""
        teacher = Player("teacher", self.teacher, self.teacher.loss)
        student = Player("student", self.student, self.pairs_loss)
        first = self.inheritance.player(self.student.network, self.teacher.network)
        after = Stage("reflow", (*first, student), self.pairs, 1 - self.share)
        return Stage("teacher", (teacher,), share=self.share), after

    def pairs(self, x: Tensor, *conditions: Tensor) -> Batch:
        """As many data of the teacher, in its float scale, with the noise that they came from."""
        z = self.teacher.latents(len(x))
        return self.teacher.walk(Given(self.teacher, conditions), z), z, *conditions

    def pairs_loss(self, x: Tensor, z: Tensor, *conditions: Tensor) -> Terms:
        """{"velocity": mean squared error along the lines from `x` to `z`}."""
        return self.student.between(x, z, *conditions)

    def latents(self, n: int) -> Tensor:
        """The student's noise."""
        return self.student.latents(n)

    def push(self, z: Tensor, *conditions: Tensor) -> Tensor:
        """The data at the end of the student's flow from `z`."""
        return self.student.push(z, *conditions)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data of the student."""
        return self.student.sample(n, *conditions)

    def complete(self, x: Tensor, known: Tensor, *conditions: Tensor, repeats: int = 5) -> Tensor:
        """Data that agree with `x` where `known` is true, by the student's flow."""
        return self.student.complete(x, known, *conditions, repeats=repeats)


system(
    "rectified-flow",
    lecture=13,
    title="Rectified flow and reflow",
    paper="Liu et al., 2023, arXiv:2209.03003",
)


@example(data="moons")
def reflow() -> Reflow:
    """The smallest instance, in the plane: two Euler steps of the second flow."""
    first, second = (
        FlowMatching(Reals((2,)), TimeMLP(2, width=32, layers=2), DDIM(n)) for n in (10, 2)
    )
    return Reflow(first, second)
