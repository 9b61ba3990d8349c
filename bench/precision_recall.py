"""k-NN precision and recall of 10,000 against 10,000 examples x 2,048: time and memory.

    OMP_NUM_THREADS=1 python bench/precision_recall.py

Beside it: one torch.cdist of the same two sets, by matrix product (its default) and by differences
(a tenth of the rows), and precision and recall from three whole distance matrices.
"""

from __future__ import annotations

import harness
import torch
from torch import Tensor

from pushforward.metrics.precision_recall import precision_and_recall

N, DIMS, K = 10_000, 2048, 3
DIFFERENCES = "donot_use_mm_for_euclid_dist"


def brute_force(x: Tensor, y: Tensor) -> tuple[float, float]:
    radii_x, radii_y = (torch.cdist(s, s).topk(K + 1, largest=False).values[:, -1] for s in (x, y))
    distance = torch.cdist(x, y)
    covered = (distance <= radii_x[:, None]).any(0)
    return (distance <= radii_y).any(1).float().mean().item(), covered.float().mean().item()


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(N, DIMS, generator=generator) for _ in range(2))
    before = harness.peak_memory()
    found = precision_and_recall(x, y, k=K)
    record: dict = {"seed": 0, "examples": N, "dims": DIMS, "k": K}
    record["precision"], record["recall"] = (m.value for m in found)
    record["peak_megabytes"] = round(harness.peak_memory() / 1e6)
    record["peak_megabytes_before"] = round(before / 1e6)
    record["by brute force"] = brute_force(x, y)

    def ours() -> object:
        return precision_and_recall(x, y, k=K)

    def by_differences() -> object:
        return torch.cdist(x[: N // 10], y, compute_mode=DIFFERENCES)

    record["against one cdist by products"] = harness.alternate(
        ours, lambda: torch.cdist(x, y), repeats=3, warmup=0
    )
    record["against three cdists"] = harness.alternate(
        ours, lambda: brute_force(x, y), repeats=2, warmup=0
    )
    record["against a tenth of one cdist by differences"] = harness.alternate(
        ours, by_differences, repeats=1, warmup=0
    )
    harness.write("precision_recall", record)


if __name__ == "__main__":
    main()
