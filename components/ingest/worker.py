"""Ingest: rows of any source to columnar splits, on Beam. No TensorFlow here."""

from __future__ import annotations

import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.ingest.splits import LEFT_OUT, assign_splits
from schemas.artifacts import split_folder, whole_artifact
from schemas.dataset import column_types, parse_schema
from schemas.engines import LAPTOP, Profile
from schemas.engines.pipeline import data_pipeline, size_of
from schemas.errors import DataError
from schemas.formats import Format
from schemas.formats.base import Chunk, Rows
from schemas.formats.files import fingerprint, match_files
from schemas.progress import Progress
from schemas.spec import SPLITS, Data

QUARANTINE = "quarantine"


def ingest(
    data: Data,
    schema_text: str,
    output: str | Path,
    *,
    folder: str | Path = ".",
    seed: int = 1,
    engine: Profile = LAPTOP,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Reads the source and writes columnar splits (Parquet, zstd) with a manifest.

    Args:
        data: the spec's data section.
        schema_text: the dataset schema as text proto; its columns are read, in its types.
        output: the artifact's folder.
        folder: where relative paths of `data.path` start.
        seed: of the split by hash.
        engine: where Beam runs.

    Returns:
        The manifest: rows a split, rows left out and why, bad rows, source files, fingerprint.

    Raises:
        DataError: no file matches, or more than `data.max_bad_fraction` of the rows cannot be read.
    """
    progress = progress or Progress("ingest")
    columns = column_types(parse_schema(schema_text, data.schema_path))
    reader = Format.known[data.format](columns, data.csv)
    files = match_files(data, folder)
    progress.start(f"{len(files)} file{'s' if len(files) != 1 else ''}")
    manifest: dict[str, Any] = {}
    with whole_artifact(output, manifest) as place:
        for split in (*SPLITS, QUARANTINE):
            split_folder(place, split).mkdir()
        found_path = place / "counts.json"
        with data_pipeline(engine, size_of(path for _, path, _ in files)) as pipeline:
            planned = (
                pipeline
                | "Files" >> beam.Create(files)
                | "Plan" >> beam.FlatMap(_plan, reader=reader)
            )  # fmt: skip
            ingested = planned | "Ingest" >> beam.ParDo(_IngestChunk(reader, data, seed, str(place), progress))
            _ = (
                ingested
                | "Count" >> beam.CombineGlobally(_MergeCounts())
                | "Write counts" >> beam.Map(lambda counts: found_path.write_text(json.dumps(counts)))
            )
        counts = json.loads(found_path.read_text())
        found_path.unlink()
        manifest.update(_manifest(counts, files, columns))
        _refuse_too_many_bad(manifest, data.max_bad_fraction, split_folder(place, QUARANTINE), output)
        if not manifest["rows"]["train"]:
            raise DataError(f"no row belongs to the split 'train' (of {manifest['read']:,} read); look at data.split")
    progress.done(f"{sum(manifest['rows'].values()):,} rows", rows=manifest["rows"], read=manifest["read"])
    return manifest


def _plan(file: tuple[int, str, str | None], reader: Format) -> Iterator[tuple[int, Chunk, str | None]]:
    position, path, split = file
    for chunk in reader.plan(path):
        yield position, chunk, split


class _IngestChunk(beam.DoFn):
    """Reads a chunk, divides its rows, writes a part for each split; yields counts."""

    def __init__(self, reader: Format, data: Data, seed: int, place: str, progress: Progress) -> None:
        self.reader, self.data, self.seed, self.place, self.progress = reader, data, seed, place, progress

    def process(self, element: tuple[int, Chunk, str | None]) -> Iterator[dict[str, Any]]:
        position, chunk, split = element
        counts: dict[str, Any] = {"rows": Counter(), "left_out": Counter(), "bad": Counter(), "columns": Counter()}
        if chunk.index == 0:
            counts["columns"].update(self.reader.names(chunk))
        for piece, rows in enumerate(self.reader.read(chunk)):
            part = f"part-{position:05d}-{chunk.index:05d}-{piece:05d}.parquet"
            self._write_bad(rows, chunk.path, part, counts)
            self._write_good(rows.table, split, part, counts)
            self.progress.count(rows.table.num_rows + len(rows.bad))
        yield counts

    def _write_bad(self, rows: Rows, path: str, part: str, counts: dict[str, Any]) -> None:
        if rows.bad:
            counts["bad"].update(bad.reason for bad in rows.bad)
            self._write(rows.quarantine(path), QUARANTINE, part)

    def _write_good(self, table: pa.Table, split: str | None, part: str, counts: dict[str, Any]) -> None:
        for name in self.data.require:
            present = table[name].is_valid()
            if pa.types.is_floating(table[name].type):
                present = pc.and_(present, pc.invert(pc.is_nan(table[name]).fill_null(False)))
            kept = table.filter(present)
            if kept.num_rows < table.num_rows:
                counts["left_out"][f"no value in {name}"] += table.num_rows - kept.num_rows
            table = kept
        if split is not None:
            assigned = np.full(table.num_rows, SPLITS.index(split), np.int8)
        else:
            assigned = assign_splits(table, self.data.split, self.seed)
        if (without := int((assigned == LEFT_OUT).sum())) > 0:
            counts["left_out"]["in no split"] += without
        for position, name in enumerate(SPLITS):
            chosen = table.filter(pa.array(assigned == position))
            if chosen.num_rows:
                counts["rows"][name] += chosen.num_rows
                self._write(chosen, name, part)

    def _write(self, table: pa.Table, split: str, part: str) -> None:
        path = split_folder(self.place, split) / part
        temporary = path.with_name(f".{part}.{threading.get_ident()}")
        pq.write_table(table, temporary, compression="zstd", compression_level=1, row_group_size=65_536)
        temporary.replace(path)


class _MergeCounts(beam.CombineFn):
    """Adds up the counters of all chunks."""

    def create_accumulator(self) -> dict[str, Counter[str]]:
        return {"rows": Counter(), "left_out": Counter(), "bad": Counter(), "columns": Counter()}

    def add_input(self, total: dict[str, Counter[str]], counts: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
        for key, counter in counts.items():
            total[key].update(counter)
        return total

    def merge_accumulators(self, totals: Iterable[dict[str, Counter[str]]]) -> dict[str, Counter[str]]:
        merged = self.create_accumulator()
        for total in totals:
            self.add_input(merged, total)
        return merged

    def extract_output(self, total: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
        return {key: dict(sorted(counter.items())) for key, counter in total.items()}


def _manifest(
    counts: dict[str, Any], files: list[tuple[int, str, str | None]], columns: dict[str, Any]
) -> dict[str, Any]:
    bad, left_out = sum(counts["bad"].values()), sum(counts["left_out"].values())
    rows = {split: counts["rows"].get(split, 0) for split in SPLITS}
    return {
        "rows": rows,
        "left_out": counts["left_out"],
        "bad": counts["bad"],
        "read": sum(rows.values()) + left_out + bad,
        "columns": columns,
        "missing_columns": sorted(set(columns) - set(counts["columns"])),
        "unexpected_columns": sorted(set(counts["columns"]) - set(columns)),
        "files": [path for _, path, _ in files],
        "fingerprint": fingerprint([path for _, path, _ in files]),
    }


def _refuse_too_many_bad(manifest: dict[str, Any], allowed: float, bad_rows: Path, output: str | Path) -> None:
    """Raises where too many rows were bad, after the bad rows have a place of their own beside `output`."""
    bad, read = sum(manifest["bad"].values()), manifest["read"]
    if bad > allowed * read:
        commonest = Counter(manifest["bad"]).most_common(3)
        reasons = "".join(f"\n  {count:,} × {reason}" for reason, count in commonest)
        kept = Path(f"{output}.{QUARANTINE}")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(bad_rows, kept)
        raise DataError(
            f"{bad:,} of {read:,} rows cannot be read "
            f"({bad / max(read, 1):.2%}; data.max_bad_fraction is {allowed:g}). "
            f"The commonest reasons:{reasons}\n"
            f"Each row with its file, line and reason: {kept} (Parquet)\n"
            "Mend the source or data.schema, or raise data.max_bad_fraction."
        )
