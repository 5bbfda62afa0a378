"""The usual way beside ours: tf.Transform to TFRecord.gz of tf.Example, and training from those records."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import apache_beam as beam
import keras
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.train.compiling import compile_model
from components.train.graph import build_model
from components.transform import worker
from components.transform.preprocessing import preprocessing_fn
from schemas.artifacts import read_features, read_manifest, split_parts
from schemas.dataset import column_types, parse_schema
from schemas.engines import LAPTOP
from schemas.progress import Progress
from schemas.spec import SPLITS, Model, Transform

BATCH_ROWS = 1_024


def transform(section: Transform, schema: str, examples: Path, output: Path) -> None:
    """Analyses the train split and writes every split as compressed records of tf.Example."""
    columns, progress = column_types(parse_schema(schema, "schema")), Progress("records")
    parts = [(split, path) for split in SPLITS for path in split_parts(examples, split)]
    with (
        tempfile.TemporaryDirectory() as scratch,
        beam.Pipeline(options=PipelineOptions(LAPTOP.flags())) as pipeline,
        tft_beam.Context(temp_dir=scratch, desired_batch_size=worker.BATCH_ROWS),
    ):
        config, counts = worker._adapter_config(columns), read_manifest(examples, "ingest")["rows"]
        train_rows = worker._read(pipeline, "Analyse", parts, ["train"], columns, counts["train"], progress)
        graph = (train_rows, config) | tft_beam.AnalyzeDataset(preprocessing_fn(section))
        for split in SPLITS:
            rows = worker._read(pipeline, f"Transform {split}", parts, [split], columns, counts[split], progress)
            transformed, metadata = ((rows, config), graph) | f"Transform {split}" >> tft_beam.TransformDataset()
            coder = tft.coders.ExampleProtoCoder(metadata.schema)
            _ = (
                transformed
                | f"Encode {split}" >> beam.Map(coder.encode)
                | f"Write {split}" >> beam.io.WriteToTFRecord(str(output / split), file_name_suffix=".gz")
            )


def train(section: Model, transformed: Path, records: Path) -> float:
    """Trains on the records; the rows a second of the second epoch."""
    ready = read_features(transformed)
    model = build_model(section, ready.features, "records")
    compile_model(model, section, steps_per_epoch=1)
    kinds = {name: tf.int64 if feature.kind == "id" else tf.float32 for name, feature in ready.features.items()}
    used = {tensor.name for tensor in model.inputs}
    parsing = {name: tf.io.FixedLenFeature([], kind) for name, kind in kinds.items() if name in used}
    parsing |= {name: tf.io.FixedLenFeature([], tf.float32) for name in ready.labels}

    def parse(batch):  # type: ignore[no-untyped-def]
        found = tf.io.parse_example(batch, parsing)
        return found, {name: found.pop(name) for name in ready.labels}

    files = sorted(map(str, records.glob("train*.gz")))
    dataset = tf.data.TFRecordDataset(files, compression_type="GZIP", num_parallel_reads=2)
    dataset = dataset.batch(BATCH_ROWS).map(parse, num_parallel_calls=2).prefetch(4)
    rows = sum(1 for _ in tf.data.TFRecordDataset(files, compression_type="GZIP"))

    class Clock(keras.callbacks.Callback):
        """Times the last epoch."""

        def on_epoch_begin(self, epoch, logs=None):  # type: ignore[no-untyped-def]
            self.began = time.monotonic()

        def on_epoch_end(self, epoch, logs=None):  # type: ignore[no-untyped-def]
            self.seconds = time.monotonic() - self.began

    clock = Clock()
    model.fit(dataset, epochs=2, verbose=0, callbacks=[clock])
    return rows / clock.seconds
