"""The error of samplers against calls of the denoiser, where the flow is known: a table as JSON.

python bench/solver_orders.py
"""

from __future__ import annotations

import harness

from pushforward.pictures.solver_errors import KINDS, errors, order_of


def main() -> None:
    """Writes results/solver_orders.json."""
    record = {
        name: {
            "order": KINDS[name].order,
            "measured order": round(order_of(calls, values), 2),
            "errors": {str(c): float(f"{v:.3g}") for c, v in zip(calls, values)},
        }
        for name, (calls, values) in errors(256).items()
    }
    harness.write("solver_orders", {"mixture": "two bumps", "points": 256, "samplers": record})


if __name__ == "__main__":
    main()
