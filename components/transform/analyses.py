"""What ops ask of the train split, found for many columns at once.

tf.Transform builds a dozen Beam steps for each analyzer, and its time on small data is theirs; an
analyzer of a matrix costs as much as one of a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.ops import MAX, MEAN, MIN, VARIANCE, Analysis


def analyse(asked: Sequence[tuple[Any, Sequence[Analysis]]]) -> list[dict[Analysis, Any]]:
    """Finds the figures asked of each column.

    Args:
        asked: float32 columns [batch], NaN where the value is missing, and what to find of each.

    Returns:
        The figures in the order of `asked`: float32 [], or [buckets - 1] for quantiles. 0 for a
        column without any value.
    """
    import tensorflow as tf

    found: list[dict[Analysis, Any]] = [{} for _ in asked]
    for analysis in sorted({a for _, analyses in asked for a in analyses}, key=lambda a: (a.of, a.buckets)):
        places = [place for place, (_, analyses) in enumerate(asked) if analysis in analyses]
        figures = _analyse(tf.stack([asked[place][0] for place in places], axis=1), analysis)
        for index, place in enumerate(places):
            found[place][analysis] = figures[index]
    return found


def _analyse(matrix: Any, analysis: Analysis) -> Any:
    """The figure of each column of a matrix [batch, columns]: [columns], or [columns, buckets - 1]."""
    import tensorflow as tf
    import tensorflow_transform as tft

    missing = tf.math.is_nan(matrix)
    if analysis == MEAN:
        return _present(tft.mean(matrix, reduce_instance_dims=False))
    if analysis == VARIANCE:
        return _present(tft.var(matrix, reduce_instance_dims=False))
    if analysis == MIN:
        return _present(tft.min(tf.where(missing, float("inf"), matrix), reduce_instance_dims=False))
    if analysis == MAX:
        return _present(tft.max(tf.where(missing, float("-inf"), matrix), reduce_instance_dims=False))
    quantiles = tft.quantiles(matrix, analysis.buckets, epsilon=0.1 / analysis.buckets, reduce_instance_dims=False)
    return _present(tf.reshape(quantiles, [matrix.shape[1], -1]))


def _present(figures: Any) -> Any:
    import tensorflow as tf

    figures = tf.cast(figures, tf.float32)
    return tf.where(tf.math.is_finite(figures), figures, 0.0)
