"""Transform: analyses the train split and applies the graph to every split, tf.Transform on Beam."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io
from tfx_bsl.tfxio import tensor_adapter

import components.transform.ops  # noqa: F401  makes the ops known
from components.transform.preprocessing import preprocessing_fn
from schemas.arrow import ARROW_TYPES
from schemas.artifacts import (
    Transformed,
    read_manifest,
    split_folder,
    split_parts,
    whole_artifact,
    write_features,
)
from schemas.dataset import TYPES, ColumnType, column_types, parse_schema
from schemas.dense import dense_columns
from schemas.engines import LAPTOP, Profile
from schemas.engines.pipeline import data_pipeline, scratch_folder, size_of
from schemas.progress import Progress
from schemas.spec import SPLITS, Transform
from schemas.spec.transform import described, label_columns
from schemas.user_module import load_function

BATCH_ROWS = 65_536
PLACE, PART_SHIFT = "latticework_place", 40


def transform(
    section: Transform,
    schema: str,
    examples: str | Path,
    output: str | Path,
    *,
    module: str = "",
    engine: Profile = LAPTOP,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Analyses the train split and writes features and labels of every split, and the graph.

    Args:
        section: the spec's transform section.
        schema: the dataset schema as text proto.
        examples: what ingest wrote.
        output: the artifact's folder: split=…, transform_fn/, features.json.
        module: the text of the module that `section.preprocessing` names.
        engine: where Beam runs.

    Returns:
        The manifest: rows a split, features with their kinds and sizes.
    """
    progress = progress or Progress("transform")
    ingested = read_manifest(examples, "ingest")
    progress.start(f"{len(section.features)} features, {len(section.labels)} labels")
    columns = column_types(parse_schema(schema, "schema"))
    user_function = None
    if section.preprocessing is not None:
        user_function = load_function(module, section.preprocessing.module, section.preprocessing.function)
    manifest: dict[str, Any] = {"rows": ingested["rows"]}
    with whole_artifact(output, manifest) as place, scratch_folder(engine) as scratch:
        for split in SPLITS:
            split_folder(place, split).mkdir()
        parts = [(split, path) for split in SPLITS for path in split_parts(examples, split)]
        with (
            data_pipeline(engine, size_of(path for _, path in parts)) as pipeline,
            tft_beam.Context(temp_dir=scratch, passthrough_keys={PLACE}, desired_batch_size=BATCH_ROWS),
        ):
            config = _adapter_config(columns)
            counts = ingested["rows"]
            train = _read(pipeline, "Analyse", parts, ["train"], columns, counts["train"], progress)
            transform_fn = (train, config) | "Analyse" >> tft_beam.AnalyzeDataset(
                preprocessing_fn(section, user_function)
            )
            _ = transform_fn | "Write graph" >> tft_beam.WriteTransformFn(str(place / "transform_fn"))
            rows = _read(pipeline, "Transform", parts, SPLITS, columns, sum(counts.values()), progress)
            transformed, _ = ((rows, config), transform_fn) | "Transform" >> tft_beam.TransformDataset(
                output_record_batches=True
            )
            folders = [str(split_folder(place, split)) for split, _ in parts]
            _ = transformed | "Write" >> beam.Map(_write, folders=folders)
        _write_raw_metadata(place / "transform_fn", columns)
        sizes = tft.TFTransformOutput(str(place / "transform_fn")).vocabulary_size_by_name
        features = described(section.features, sizes)
        found = Transformed(features, described(section.labels, sizes), label_columns(section, columns))
        write_features(place / "features.json", found)
        manifest["features"] = {f.name: {"kind": f.kind, "size": f.size} for f in features.values()}
    progress.done(f"{len(section.features)} features")
    return manifest


def _adapter_config(columns: dict[str, ColumnType]) -> tensor_adapter.TensorAdapterConfig:
    representations = {
        name: schema_pb2.TensorRepresentation(
            dense_tensor=schema_pb2.TensorRepresentation.DenseTensor(column_name=name, shape=schema_pb2.FixedShape())
        )
        for name in columns
    }
    fields = [(name, pa.list_(_adapter_type(kind))) for name, kind in columns.items()]
    return tensor_adapter.TensorAdapterConfig(pa.schema([*fields, (PLACE, pa.list_(pa.int64()))]), representations)


def _adapter_type(kind: ColumnType) -> pa.DataType:
    return pa.binary() if kind == "bytes" else ARROW_TYPES[kind]


def _read(
    pipeline: beam.Pipeline, label: str, parts: list[tuple[str, str]], splits: Collection[str],
    columns: dict[str, ColumnType], total: int, progress: Progress,
) -> Any:  # fmt: skip
    """The rows of some splits; `parts` are the split and path of all, since a part is known by its position there;
    `total` rows are told to come."""
    chosen = [(position, path) for position, (split, path) in enumerate(parts) if split in splits]
    return (
        pipeline
        | f"{label}: parts" >> beam.Create(chosen)
        | f"{label}: read" >> beam.FlatMap(_batches, columns=columns, label=label, total=total, progress=progress)
    )


def _batches(
    part: tuple[int, str], columns: dict[str, ColumnType], label: str, total: int, progress: Progress
) -> Iterator[pa.RecordBatch]:
    """The rows of a part in record batches; each row knows its part and its place there, so that order is kept."""
    position, path = part
    offset = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH_ROWS):
        arrays = [
            _lists(array.cast(_adapter_type(columns[name]))) for name, array in dense_columns(batch, columns).items()
        ]
        place = pa.array(np.arange(offset, offset + batch.num_rows) + (position << PART_SHIFT))
        offset += batch.num_rows
        progress.count(batch.num_rows, total, label.lower())
        yield pa.RecordBatch.from_arrays([*arrays, _lists(place)], [*columns, PLACE])


def _lists(array: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.arange(len(array) + 1, dtype=np.int32)), array)


def _write(transformed: tuple[pa.RecordBatch, dict[str, pa.Array]], folders: list[str]) -> None:
    """Writes a transformed batch as one part, in its part's folder and named by where its rows came from."""
    batch, _ = transformed
    arrays = {name: _values(batch.column(index)) for index, name in enumerate(batch.schema.names)}
    place = arrays.pop(PLACE)[0].as_py()
    position, offset = place >> PART_SHIFT, place % (1 << PART_SHIFT)
    path = Path(folders[position]) / f"part-{position:05d}-{offset:010d}.parquet"
    temporary = path.with_name(f".{path.name}")
    # Dictionaries pay for ids; trying them on floats takes half of the writing.
    ids = [name for name, array in arrays.items() if pa.types.is_integer(array.type)]
    pq.write_table(pa.table(arrays), temporary, compression="zstd", compression_level=1, use_dictionary=ids)
    temporary.replace(path)


def _values(column: pa.ListArray) -> pa.Array:
    """One value a row, or a list of one length."""
    flat = column.flatten()
    return flat if len(flat) == len(column) else pa.FixedSizeListArray.from_arrays(flat, len(flat) // len(column))


def _write_raw_metadata(transform_fn: Path, columns: dict[str, ColumnType]) -> None:
    """The columns' own schema beside the graph, which WriteTransformFn leaves out."""
    schema = schema_pb2.Schema()
    for name, kind in columns.items():
        schema.feature.add(name=name, type=TYPES[kind], shape=schema_pb2.FixedShape()).presence.min_fraction = 1.0
    metadata = dataset_metadata.DatasetMetadata(schema)
    metadata_io.write_metadata(metadata, str(transform_fn / "metadata"))
