"""Frechet distance of 2,048-dimensional statistics: ours, scipy's matrix root, general eigenvalues.

    OMP_NUM_THREADS=1 python bench/frechet.py

Features are Gaussian with standard deviations falling from 1 to 0.01, 6,000 of each set; and 1,000
of each for covariances that are rank deficient.
"""

from __future__ import annotations

import harness
import scipy.linalg
import torch

from pushforward.metrics.frechet import distance_between
from pushforward.metrics.statistics import Statistics

DIMS = 2048


def statistics(n: int, seed: int) -> Statistics:
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(0, -2, DIMS, dtype=torch.float64)
    return Statistics.of(torch.randn(n, DIMS, generator=generator, dtype=torch.float64) * scale)


def with_root(a: Statistics, b: Statistics, trace: float) -> float:
    gap = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace()
    return gap.item() - 2 * trace


def by_sqrtm(a: Statistics, b: Statistics) -> float:
    root = scipy.linalg.sqrtm((a.covariance @ b.covariance).numpy())
    return with_root(a, b, root.real.trace())


def by_eigenvalues(a: Statistics, b: Statistics) -> float:
    values = torch.linalg.eigvals(a.covariance @ b.covariance)
    return with_root(a, b, values.sqrt().real.sum().item())


def main() -> None:
    record: dict = {"seed": 0, "dims": DIMS}
    for case, n in (("full rank, 6000 examples", 6000), ("rank 999, 1000 examples", 1000)):
        a, b = statistics(n, 0), statistics(n, 1)

        def ours(a: Statistics = a, b: Statistics = b) -> float:
            return distance_between(a, b)

        record[case] = {
            "value": ours(),
            "to itself": distance_between(a, a),
            "by general eigenvalues": by_eigenvalues(a, b),
            "against general eigenvalues": harness.alternate(
                ours, lambda a=a, b=b: by_eigenvalues(a, b), repeats=3
            ),
        }
        record[case]["by sqrtm"] = by_sqrtm(a, b)  # of a singular product to half its digits
        record[case]["against scipy.linalg.sqrtm"] = harness.alternate(
            ours, lambda a=a, b=b: by_sqrtm(a, b), repeats=5, warmup=0
        )
    harness.write("frechet", record, ("scipy", "numpy"))


if __name__ == "__main__":
    main()
