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


class Bootstrap:
    """Draws of the rows that judge a challenger and, where there is one, a champion.

    Args:
        tasks: what each output predicts.
        challenger: the folder of its predictions, as `metrics.evaluate_split` writes them.
        champion: that of the champion's, on the same rows.
    """

    def __init__(self, tasks: Mapping[str, Task], challenger: Path, champion: Path | None = None) -> None:
        tables = [read_predictions(folder) for folder in (challenger, champion) if folder is not None]
        self._known = [
            {name: [row_values(table[c]).astype(np.float64) for c in (f"label/{name}", name)] for name in tasks}
            for table in tables
        ]
        self._combiners = {name: COMBINERS[task](name) for name, task in tasks.items()}
        self.rows = tables[0].num_rows

    def draws(
        self, rows: npt.NDArray[np.int64] | None = None, most: int = DRAWS
    ) -> tuple[Draws, Draws | None]:  # fmt: skip
        """The metrics of each draw.

        Args:
            rows: those of a slice; all by default.
            most: how many draws there are, fewer where there are very many rows.

        Returns:
            {output: {metric: [draws]}} of the challenger, and of the champion. NaN where a draw has no such metric.
        """
        size = self.rows if rows is None else len(rows)
        random = np.random.default_rng(SEED)
        found: list[dict[str, dict[str, list[float]]]] = [{} for _ in self._known]
        for _ in range(max(20, min(most, MOST_ROWS // max(size, 1)))):
            drawn = random.integers(0, size, size)
            if rows is not None:
                drawn = rows[drawn]
            for place, known in enumerate(self._known):
                for name, combiner in self._combiners.items():
                    label, prediction = known[name]
                    values = combiner.values(combiner.sums(label[drawn], prediction[drawn]))
                    for metric, value in values.items():
                        found[place].setdefault(name, {}).setdefault(metric, []).append(value)
        arrays = [{n: {m: np.array(v) for m, v in metrics.items()} for n, metrics in model.items()} for model in found]
        return arrays[0], arrays[1] if len(arrays) > 1 else None


def interval(drawn: npt.NDArray[np.float64], confidence: float = 0.95) -> tuple[float, float]:
    """The middle part of the draws that holds so much of them."""
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def intervals(drawn: Draws) -> dict[str, dict[str, tuple[float, float]]]:
    """{output: {metric: [low, high]}}: 95 % of the draws."""
    return {
        output: {metric: interval(values) for metric, values in found.items() if metric != "rows"}
        for output, found in drawn.items()
    }


def read_predictions(folder: Path) -> pa.Table:
    """What `metrics.evaluate_split` wrote, rows in the order of the split's parts."""
    return pa.concat_tables([pq.read_table(path, partitioning=None) for path in sorted(folder.glob("*.parquet"))])
