"""Probability density distillation: a quick sampler learns from a slow one's density.

    KL(p_S || p_T) = E_{x ~ p_S}[log p_S(x) - log p_T(x)]

An autoregressive teacher (MAF, WaveNet) gives densities in one pass but samples one number at a
time; an IAF samples in one pass, and knows the density of what it drew. So the student draws, and
the teacher judges: both do what they are quick at.

Parallel WaveNet (van den Oord et al., 2017), arXiv:1711.10433, eqs. 5-7.
Differs from the paper: one loss, without power, perceptual and contrastive ones; the teacher is
trained first, as a stage of the same training.
"""

from __future__ import annotations

from torch import Tensor

from ...core.catalogue import example, system
from ...core.contract import Density, Player, Stage, Terms
from .flow import Flow
from .iaf import IAF
from .maf import MAF


class Distillation(Density):
    """A teacher fitted to data, then a student fitted to the teacher; it speaks for the student.

    Args:
        teacher: any density over the student's space, with gradients with respect to x.
        student: a flow that samples quickly, such as `IAF`.
        share: of the steps that the student takes.
    """

    def __init__(self, teacher: Density, student: Flow, share: float = 0.5):
        if teacher.space != student.space:
            raise ValueError(f"the teacher is over {teacher.space}, the student {student.space}")
        if not 0 < share < 1:
            raise ValueError(f"share must lie between 0 and 1, not {share}")
        if teacher.given != student.given:
            raise ValueError(f"the teacher is told {teacher.given}, the student {student.given}")
        super().__init__(student.space, student.given)
        self.teacher, self.student, self.share = teacher, student, share

    def stages(self) -> tuple[Stage, ...]:
        """First the teacher on data, then the student on the teacher."""
        teacher = Player("teacher", self.teacher, self.teacher.loss)
        student = Player("student", self.student, self.distil)
        return (
            Stage("teach", (teacher,), share=1 - self.share),
            Stage("distil", (student,), share=self.share),
        )

    def players(self) -> tuple[Player, ...]:
        """All players, of both stages."""
        return tuple(player for stage in self.stages() for player in stage.players)

    def distil(self, x: Tensor, *conditions: Tensor) -> Terms:
        """{"negative_entropy", "cross_entropy"}: they sum to KL(student || teacher), (batch,).

        Of the data `x` only the number is used.
        """
        drawn, log_prob = self.student.rsample_and_log_prob(len(x), *conditions)
        cross = -self.teacher.log_prob(drawn, *conditions)
        return {"negative_entropy": log_prob, "cross_entropy": cross}

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """The student's log p(x) in nats, (batch,); for an IAF it takes a pass per feature."""
        return self.student.log_prob(x, *conditions)

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` data of the student, quickly."""
        return self.student.sample(n, *conditions)


system(
    "density-distillation",
    lecture=5,
    title="Probability density distillation",
    paper="arXiv:1711.10433",
)
system(
    "parallel-wavenet",
    lecture=5,
    title="Parallel WaveNet: an IAF distilled from an autoregressive teacher",
    paper="arXiv:1711.10433",
)


@example(data="moons")
def distillation() -> Distillation:
    """The smallest instance."""
    return Distillation(MAF(2, couplings=2, width=16), IAF(2, couplings=3, width=16))
