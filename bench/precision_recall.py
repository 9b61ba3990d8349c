"""k-NN precision and recall of 10,000 against 10,000 examples x 2,048: time and memory.

    OMP_NUM_THREADS=1 python bench/precision_recall.py

Beside it: one torch.cdist of the same two sets, by matrix product (its default), and one by brute
force, that is by differences, of torch and of scipy (in float64): each of these of a twentieth of
the rows, so "times_faster" than the whole is 20 times what stands there, which is written beside it
as "of_the_whole". Then precision and recall from three whole distance matrices.
"""

from __future__ import annotations

import harness
import scipy.spatial.distance
import torch
from torch import Tensor

from pushforward.metrics.precision_recall import precision_and_recall

N, DIMS, K, PART = 10_000, 2048, 3, 20
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

    few, whole = x[: N // PART], (x[: N // PART].double().numpy(), y.double().numpy())

    def by_differences() -> object:
        return torch.cdist(few, y, compute_mode=DIFFERENCES)

    def by_scipy() -> object:
        return scipy.spatial.distance.cdist(*whole)

    record["against one cdist by products"] = harness.alternate(
        ours, lambda: torch.cdist(x, y), repeats=3, warmup=0
    )
    record["against three cdists"] = harness.alternate(
        ours, lambda: brute_force(x, y), repeats=2, warmup=0
    )
    for name, brute in (("torch by differences", by_differences), ("scipy in float64", by_scipy)):
        found = harness.alternate(ours, brute, repeats=1, warmup=0)
        found["of_the_whole"] = round(PART * found["processor"]["times_faster"], 2)
        record[f"against 1/{PART} of one cdist, {name}"] = found
    harness.write("precision_recall", record, ("scipy",))


if __name__ == "__main__":
    main()
