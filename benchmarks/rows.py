"""Generated taxi rides: as many rows as wanted, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

COLUMNS = [
    "fare_amount", "pickup_datetime", "pickup_longitude", "pickup_latitude", "dropoff_longitude", "dropoff_latitude",
    "passenger_count", "key",
]  # fmt: skip


def write_rides(path: Path, rows: int, seed: int = 1) -> None:
    """Writes a header-less CSV of 8 columns whose fare follows distance, hour and noise."""
    random = np.random.default_rng(seed)
    options = pa_csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as stream:
        for start in range(0, rows, 500_000):
            count = min(500_000, rows - start)
            longitude, latitude = random.normal(-73.98, 0.03, (2, count)), random.normal(40.75, 0.03, (2, count))
            seconds = random.integers(1_230_768_000, 1_435_708_800, count)
            distance = np.hypot(*(np.diff(longitude, axis=0)[0], np.diff(latitude, axis=0)[0])) * 100
            fare = np.maximum(2.5, 3 + 2.1 * distance + random.normal(0, 1.5, count)).round(1)
            moment = np.datetime_as_string(seconds.astype("datetime64[s]"), unit="s")
            moment = np.char.add(np.char.replace(moment, "T", " "), " UTC")
            table = [fare, moment, longitude[0].round(6), latitude[0].round(6), longitude[1].round(6),
                     latitude[1].round(6), random.integers(1, 7, count), np.arange(start, start + count)]  # fmt: skip
            pa_csv.write_csv(pa.table(dict(zip(COLUMNS, table, strict=True))), stream, options)
