"""Numbers out of numbers: differences, distances, thresholds, casts. A missing input gives 0."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from components.transform.ops.missing import as_float
from schemas.ops import Figures, OneInput, Op, Values

EARTH_RADIUS_KM = 6371.0088


def _zero_where_missing(value: Any) -> Any:
    import tensorflow as tf

    return tf.where(tf.math.is_nan(value), 0.0, value)


class Difference(Op):
    """The first input less the second."""

    op: Literal["difference"]
    inputs: Annotated[list[str], Field(min_length=2, max_length=2)]
    """Two columns or features."""

    def sources(self, name: str) -> list[str]:
        return list(self.inputs)

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        first, second = (as_float(column) for column in inputs)
        return _zero_where_missing(first - second)


class _Distance(Op):
    from_x: str
    """Longitude or x of the start."""
    from_y: str
    """Latitude or y of the start."""
    to_x: str
    """Longitude or x of the end."""
    to_y: str
    """Latitude or y of the end."""

    def sources(self, name: str) -> list[str]:
        return [self.from_x, self.from_y, self.to_x, self.to_y]


class EuclideanDistance(_Distance):
    """The straight line between two points, in the columns' unit."""

    op: Literal["euclidean_distance"]
    label_values: ClassVar[Values] = "real"

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        x1, y1, x2, y2 = (as_float(column) for column in inputs)
        return _zero_where_missing(tf.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2))


class GreatCircleDistance(_Distance):
    """Kilometres on a sphere of the Earth's mean radius between two points in degrees (haversine)."""

    op: Literal["great_circle_distance"]
    label_values: ClassVar[Values] = "real"

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import math

        import tensorflow as tf

        lon1, lat1, lon2, lat2 = (as_float(column) * (math.pi / 180) for column in inputs)
        chord = tf.sin((lat2 - lat1) / 2) ** 2 + tf.cos(lat1) * tf.cos(lat2) * tf.sin((lon2 - lon1) / 2) ** 2
        angle = 2 * tf.asin(tf.sqrt(tf.clip_by_value(chord, 0.0, 1.0)))
        return _zero_where_missing(EARTH_RADIUS_KM * angle)


class Above(OneInput):
    """1 where the value is greater than a threshold, else 0."""

    op: Literal["above"]
    label_values: ClassVar[Values] = "binary"
    threshold: float
    """In the column's unit."""

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        return tf.cast(as_float(inputs[0]) > self.threshold, tf.float32)


class Cast(OneInput):
    """The value as float32; a missing one is 0. Texts are parsed as numbers."""

    op: Literal["cast"]

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        return _zero_where_missing(as_float(inputs[0]))


class Passthrough(OneInput):
    """A number as it is; a missing one is 0."""

    op: Literal["passthrough"]

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        return _zero_where_missing(as_float(inputs[0]))
