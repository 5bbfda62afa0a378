"""Predict: rows of any source to columnar predictions, on Beam."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference

from components.predict.handler import SavedModelHandler, model_columns
from schemas.artifacts import whole_artifact
from schemas.dataset import ColumnType, column_types, parse_schema
from schemas.engines import LAPTOP, Profile
from schemas.engines.pipeline import data_pipeline, size_of
from schemas.errors import DataError, nearest
from schemas.formats import Format
from schemas.formats.base import Chunk
from schemas.formats.files import fingerprint, match_files
from schemas.progress import Progress
from schemas.spec.prediction import Prediction

BATCH_ROWS = 16_384


def predict(
    section: Prediction, model: str | Path, output: str | Path, *, folder: str | Path = ".", schema: str = "",
    version: str = "", engine: Profile = LAPTOP, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Predicts every row of a source.

    Args:
        section: where the rows are, and which columns are carried through.
        model: the SavedModel.
        output: the artifact's folder: predictions/part-*.parquet (keys, then outputs: float32, or a list of them),
            quarantine/part-*.parquet (file, line, reason, raw), manifest.json.
        folder: where relative paths start.
        schema: a dataset schema as text proto, for the types of keys that the model does not take; texts without it.
        version: kept in the manifest.
        engine: where Beam runs.

    Returns:
        The manifest: rows, bad rows by reason, files, fingerprint, rows a second.

    Raises:
        DataError: no file matches, a file lacks a column, too many rows cannot be read, or the model is none.
    """
    progress = progress or Progress("predict")
    columns = model_columns(Path(model))
    known = column_types(parse_schema(schema, "schema")) if schema else {}
    read: dict[str, ColumnType] = {**columns, **{k: known.get(k, "bytes") for k in section.keys if k not in columns}}
    reader = Format.known[section.format](read, section.csv)
    files = match_files(section, folder)
    progress.start(f"{len(files)} file{'s' if len(files) != 1 else ''}")
    manifest: dict[str, Any] = {"version": version, "keys": section.keys}
    began = time.monotonic()
    with whole_artifact(output, manifest) as place:
        for part in ("predictions", "quarantine"):
            (place / part).mkdir()
        counts = place / "counts.json"
        handler = KeyedModelHandler(SavedModelHandler(str(Path(model).resolve()), columns, section.keys))
        with data_pipeline(engine, size_of(path for _, path, _ in files)) as pipeline:
            batches = (
                pipeline
                | "Files" >> beam.Create(files)
                | "Plan" >> beam.FlatMap(_plan, reader=reader)
                | "Read" >> beam.ParDo(_Read(reader, str(place))).with_outputs("bad", main="good")
            )
            written = (
                batches.good
                | "Predict" >> RunInference(handler)
                | "Write" >> beam.Map(_write, place=str(place), progress=progress)
            )
            _ = (
                (written | "Rows" >> beam.Map(lambda rows: Counter(rows=rows)), batches.bad)
                | beam.Flatten()
                | "Count" >> beam.CombineGlobally(_sum)
                | "Keep counts" >> beam.Map(lambda found: counts.write_text(json.dumps(found)))
            )
        found = Counter(json.loads(counts.read_text(encoding="utf-8")))
        counts.unlink()
        rows = found.pop("rows", 0)
        bad = sum(found.values())
        if bad > section.max_bad_fraction * (rows + bad):
            reasons = "".join(f"\n  {count:,} × {reason}" for reason, count in found.most_common(3))
            raise DataError(
                f"{bad:,} of {rows + bad:,} rows cannot be read (allowed: {section.max_bad_fraction:g}):{reasons}\n"
                "Mend the source, or raise max_bad_fraction."
            )
        seconds = time.monotonic() - began
        paths = [path for _, path, _ in files]
        manifest.update(rows=rows, bad=dict(found), files=paths, fingerprint=fingerprint(paths))
        manifest["rows_per_second"] = round(rows / seconds)
    progress.done(f"{rows:,} rows{f', {bad:,} in quarantine' if bad else ''}", rows=rows, bad=bad)
    return manifest


def _plan(file: tuple[int, str, str | None], reader: Format) -> Iterator[tuple[int, Chunk]]:
    position, path, _ = file
    for chunk in reader.plan(path):
        missing = sorted(set(reader.columns) - set(chunk.names)) if chunk.names else []
        if missing:
            raise DataError(f"{path}: no column '{missing[0]}'{nearest(missing[0], chunk.names)}")
        yield position, chunk


class _Read(beam.DoFn):  # type: ignore[misc]
    """Reads a chunk: batches of rows by the name of their part, and a count of those that are not readable."""

    def __init__(self, reader: Format, place: str) -> None:
        self.reader, self.place = reader, place

    def process(self, element: tuple[int, Chunk]) -> Iterator[Any]:
        position, chunk = element
        for piece, rows in enumerate(self.reader.read(chunk)):
            if rows.bad:
                part = f"part-{position:05d}-{chunk.index:05d}-{piece:05d}.parquet"
                _write_table(rows.quarantine(chunk.path), Path(self.place, "quarantine", part))
                yield beam.pvalue.TaggedOutput("bad", Counter(bad.reason for bad in rows.bad))
            for number, start in enumerate(range(0, rows.table.num_rows, BATCH_ROWS)):
                part = f"part-{position:05d}-{chunk.index:05d}-{piece:05d}-{number:05d}.parquet"
                yield part, rows.table.slice(start, BATCH_ROWS)


def _write(predicted: tuple[str, pa.Table], place: str, progress: Progress) -> int:
    part, table = predicted
    _write_table(table, Path(place, "predictions", part))
    progress.count(table.num_rows)
    return int(table.num_rows)


def _write_table(table: pa.Table, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{threading.get_ident()}")
    pq.write_table(table, temporary, compression="zstd", compression_level=1)
    temporary.replace(path)


def _sum(many: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counts in many:
        total.update(counts)
    return total
