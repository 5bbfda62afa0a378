"""Parts of a date and time, and cyclic encodings of what comes round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from components.transform.ops.missing import as_float
from schemas.ops import Figures, Kind, OneInput, Values

# The largest value + 2: ids start at 0 and one more stands for a text that is no date.
_SIZES = {"month": 14, "day": 33, "day_of_year": 368, "weekday": 8, "hour": 25, "minute": 61, "year": 10_000}
Part = Literal["year", "month", "day", "day_of_year", "weekday", "hour", "minute"]


class DatetimePart(OneInput):
    """A part of a text that begins as ISO 8601, `YYYY-MM-DD[ T]HH:MM`; what is no date gets the last id.

    month and day are 1-based, day_of_year 1 to 366, weekday 0 (Monday) to 6. The calendar is the
    proleptic Gregorian one (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    """

    op: Literal["datetime_part"]
    kind: ClassVar[Kind] = "id"
    part: Part
    """Which."""

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import tensorflow as tf

        text = inputs[0]
        valid = tf.strings.regex_full_match(text, r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}.*)?")
        text = tf.where(valid, tf.strings.join([text, " 00:00"]), "1970-01-01 00:00")

        def number(start: int, length: int) -> Any:
            return tf.strings.to_number(tf.strings.substr(text, start, length), tf.int64)

        year, month, day = number(0, 4), number(5, 2), number(8, 2)
        if self.part in ("hour", "minute"):
            value = number(11, 2) if self.part == "hour" else number(14, 2)
        elif self.part in ("year", "month", "day"):
            value = {"year": year, "month": month, "day": day}[self.part]
        else:
            days = _days_since_epoch(year, month, day)
            ones = tf.ones_like(month)
            value = (days + 3) % 7 if self.part == "weekday" else days - _days_since_epoch(year, ones, ones) + 1
        return tf.where(valid, tf.minimum(value, _SIZES[self.part] - 2), _SIZES[self.part] - 1)

    def size(self, vocabulary_size: Callable[[str], int], name: str) -> int:
        return _SIZES[self.part]


def _days_since_epoch(year: Any, month: Any, day: Any) -> Any:
    import tensorflow as tf

    year = year - tf.cast(month <= 2, tf.int64)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + tf.where(month > 2, tf.constant(-3, tf.int64), 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


class Cyclic(OneInput):
    """The sine or cosine of a value that comes round after `period`; 0 where it is missing."""

    op: Literal["cyclic"]
    label_values: ClassVar[Values] = "real"
    period: Annotated[float, Field(gt=0)]
    """After how much it comes round, in the column's unit."""
    function: Literal["sin", "cos"]
    """Which of the two; use both for a place on the circle."""

    def apply(self, inputs: list[Any], name: str, figures: Figures) -> Any:
        import math

        import tensorflow as tf

        column = as_float(inputs[0])
        angle = column * (2 * math.pi / self.period)
        value = tf.sin(angle) if self.function == "sin" else tf.cos(angle)
        return tf.where(tf.math.is_nan(column), 0.0, value)
