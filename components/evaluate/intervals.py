"""How sure a metric is: the bootstrap over rows, in pairs where two models answered the same ones.

Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979: the metric of as many rows drawn with replacement,
again and again. A challenger and a champion are drawn the same rows, so that their difference is that of the models
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from components.evaluate.batched import COMBINERS
from schemas.dense import row_values
from schemas.spec.outputs import Task

DRAWS, MOST_ROWS, SEED = 200, 20_000_000, 1
Draws = Mapping[str, Mapping[str, npt.NDArray[np.float64]]]


def draws(
    tasks: Mapping[str, Task], challenger: Path, champion: Path | None = None
) -> tuple[Draws, Draws | None]:  # fmt: skip
    """The metrics of each draw.

    Args:
        tasks: what each output predicts.
        challenger: the folder of its predictions, as `metrics.evaluate_split` writes them.
        champion: that of the champion's, on the same rows.

    Returns:
        {output: {metric: [draws]}} of the challenger, and of the champion. NaN where a draw has no such metric.
    """
    ours, theirs = _read(challenger), _read(champion) if champion is not None else None
    rows = ours.num_rows
    random = np.random.default_rng(SEED)
    count = max(20, min(DRAWS, MOST_ROWS // max(rows, 1)))
    found: list[dict[str, dict[str, list[float]]]] = [{}, {}]
    columns = [
        {name: [row_values(table[c]).astype(np.float64) for c in (f"label/{name}", name)] for name in tasks}
        for table in (ours, theirs)
        if table is not None
    ]
    combiners = {name: COMBINERS[task](name) for name, task in tasks.items()}
    for _ in range(count):
        drawn = random.integers(0, rows, rows)
        for place, known in enumerate(columns):
            for name, combiner in combiners.items():
                label, prediction = known[name]
                values = combiner.values(combiner.sums(label[drawn], prediction[drawn]))
                for metric, value in values.items():
                    found[place].setdefault(name, {}).setdefault(metric, []).append(value)
    arrays = [{n: {m: np.array(v) for m, v in metrics.items()} for n, metrics in model.items()} for model in found]
    return arrays[0], arrays[1] if theirs is not None else None


def interval(drawn: npt.NDArray[np.float64], confidence: float = 0.95) -> tuple[float, float]:
    """The middle part of the draws that holds so much of them."""
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _read(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path, partitioning=None) for path in sorted(folder.glob("*.parquet"))])
