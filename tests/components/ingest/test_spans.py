from __future__ import annotations

from components.ingest.worker import ingest
from schemas.spec import Data

COLUMNS = ["fare_amount", "pickup_datetime", "pickup_longitude", "pickup_latitude", "dropoff_longitude",
           "dropoff_latitude", "passenger_count", "key"]  # fmt: skip


def test_the_newest_spans_alone_are_read(taxi_data, tmp_path, taxi_schema):
    rows = (taxi_data / "taxi-valid.csv").read_text().splitlines(keepends=True)
    for day, count in (("2026-11-21", 5), ("2026-11-22", 7), ("2026-11-23", 11)):
        (tmp_path / f"{day}.csv").write_text("".join(rows[:count]))
    section = {
        "path": "{YYYY}-{MM}-{DD}.csv", "format": "csv", "csv": {"header": False, "columns": COLUMNS},
        "split": {"by": "hash", "columns": ["key"]},
    }  # fmt: skip
    for spans, read in ((1, 11), (2, 18), (9, 23)):
        data = Data.model_validate({**section, "spans": spans})
        manifest = ingest(data, taxi_schema, tmp_path / "examples", folder=tmp_path, seed=1)
        assert sum(manifest["rows"].values()) == read
