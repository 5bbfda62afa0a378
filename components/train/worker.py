"""Train: fits the Functional model on the transformed columns and exports it with the transform graph."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from components.train.batches import Rows, Weights
from components.train.checkpoint import Checkpoint
from components.train.compiling import compile_model
from components.train.devices import for_devices, on_devices
from components.train.export import ServedModel
from components.train.graph import build_graph, functional
from components.train.plot import plot_svg
from components.train.together import Node, Together
from schemas.artifacts import Transformed, read_features, read_manifest, split_parts, whole_artifact
from schemas.dataset import column_types, parse_schema
from schemas.progress import Progress
from schemas.spec import Model
from schemas.spec.expand import expanded


def train(
    section: Model,
    schema: str,
    transformed: str | Path,
    output: str | Path,
    *,
    name: str,
    seed: int = 1,
    module: str = "",
    node: Node | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fits the model, keeps its best weights, exports it.

    Args:
        section: the spec's model section.
        schema: the dataset schema as text proto.
        transformed: what transform wrote.
        output: the artifact's folder: model.keras, saved_model/, history.csv, model.svg, tensorboard/.
        name: the model's name.
        seed: of weights, dropout and row order.
        module: the text of the module that the section names.
        node: which of several workers this is; worker 0 writes the model. None for the only one.

    Returns:
        The manifest: parameters, epochs, rows a second, history.
    """
    progress = progress or Progress("train")
    read_manifest(transformed, "transform")
    met = node.strategy() if node is not None else None
    ready = read_features(transformed)
    progress.start("building the model")
    section = for_devices(expanded(section, ready.features, ready.labels))
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(section.training.precision)
    with on_devices(section.training.devices):
        built = build_graph(section, ready.features, module, ready.labels)
        model = functional(built, name)
        train_rows = _rows(section, ready, transformed, "train", model, seed, node)
        fitted = compile_model(model, section, train_rows.steps, built.layers)
    eval_rows = _rows(section, ready, transformed, "eval", model, seed, node)
    checkpoint = Checkpoint(
        Path(section.training.checkpoints.folder or f"{output}.checkpoint"), section.training.checkpoints,
        f"{name} {seed} {section.model_dump_json()} {train_rows.count}",
    )  # fmt: skip
    if node is not None:
        # The weights are the same in all workers; what dropout drops is not.
        keras.utils.set_random_seed(seed + node.index)
    tasks = {label: output.task for label, output in section.outputs.items()}
    manifest: dict[str, Any] = {"name": name, "parameters": int(model.count_params()), "tasks": tasks}
    epochs, validation = section.training.epochs, eval_rows if eval_rows.count else None
    together = Together(fitted, node, met, section.training.steps_per_execution) if node is not None else None
    if together is not None and node is not None and node.index:
        together.fit(train_rows, validation, epochs, _stopping(section, validation), checkpoint)
        return manifest
    with whole_artifact(output, manifest) as place:
        watcher = _Watcher(progress, train_rows, epochs)
        callbacks = [*_callbacks(section, place), *_stopping(section, validation), watcher]
        if together is not None:
            history = together.fit(train_rows, validation, epochs, callbacks, checkpoint)
            _write_history(history, place / "history.csv")
        else:
            history = fitted.fit(
                train_rows.dataset(),
                validation_data=validation.dataset() if validation else None,
                epochs=epochs,
                verbose=0,
                shuffle=False,
                callbacks=callbacks,
            ).history
        progress.step("exporting", now=True)
        model.save(place / "model.keras")
        columns = column_types(parse_schema(schema, "schema"))
        served = ServedModel(
            model, Path(transformed) / "transform_fn", columns, ready.label_columns, list(section.outputs)
        )
        served.save(place / "saved_model")
        if section.module is not None:
            (place / "module.py").write_text(module, encoding="utf-8")
        (place / "model.svg").write_text(plot_svg(model), encoding="utf-8")
        manifest["history"] = {key: [float(v) for v in values] for key, values in history.items()}
        manifest["epochs"] = len(history["loss"])
        manifest["rows_per_second"] = round(watcher.rows_per_second)
    if together is not None:
        checkpoint.remove()
    epochs = manifest["epochs"]
    told = f"{epochs} epoch{'s' if epochs > 1 else ''}, {manifest['parameters']:,} parameters"
    progress.done(told, epochs=epochs)
    return manifest


def _rows(
    section: Model,
    ready: Transformed,
    transformed: str | Path,
    split: str,
    model: keras.Model,
    seed: int,
    node: Node | None = None,
) -> Rows:
    used = {tensor.name for tensor in model.inputs}
    training = section.training
    return Rows(
        split_parts(transformed, split),
        {name: feature for name, feature in ready.features.items() if name in used},
        [label for label in ready.labels if label in section.outputs],
        {
            label: Weights(output.sample_weight, output.class_weights)
            for label, output in section.outputs.items()
            if output.sample_weight is not None or output.class_weights is not None
        },
        training.batch_size
        if split == "train"
        else max(training.batch_size, 8_192 // training.devices * training.devices),
        training.memory_rows,
        training.shuffle and split == "train",
        seed,
        (0, 1) if node is None else (node.index, len(node.addresses)),
        training.devices,
    )


def _callbacks(section: Model, place: Path) -> list[keras.callbacks.Callback]:
    callbacks: list[keras.callbacks.Callback] = [
        keras.callbacks.CSVLogger(str(place / "history.csv")),
        keras.callbacks.TensorBoard(str(place / "tensorboard"), write_graph=False, update_freq="epoch"),
    ]
    if section.training.optimizer.arguments().get("use_ema"):
        # Judged, and kept by early stopping, are the averaged weights.
        callbacks.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    return callbacks


def _stopping(section: Model, validation: Rows | None) -> list[keras.callbacks.Callback]:
    stopping = section.training.early_stopping
    if stopping is None or validation is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            monitor=stopping.monitor,
            patience=stopping.patience,
            min_delta=stopping.min_delta,
            mode=stopping.mode,
            restore_best_weights=True,
        )
    ]


def _write_history(history: Mapping[str, list[float]], path: Path) -> None:
    """All epochs, those before a restart too, as Keras' CSVLogger writes them."""
    names = sorted(history)
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["epoch", *names])
        rows.writerows([epoch, *values] for epoch, values in enumerate(zip(*(history[n] for n in names), strict=True)))


class _Watcher(keras.callbacks.Callback):
    """Tells epoch, rows, loss and time left; measures rows a second after the first call, which compiles."""

    def __init__(self, progress: Progress, rows: Rows, epochs: int) -> None:
        super().__init__()
        self.progress, self.total, self.epochs = progress, rows.count, epochs
        self.batch_size = rows.batch_size
        self.epoch = 0
        self.rows_per_second = 0.0
        self._timed_rows = 0
        self._timed_seconds = 0.0
        self._last = 0.0
        self._seen = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch, self._seen, self._last = epoch, 0, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        rows = min((batch + 1) * self.batch_size, self.total)
        now = time.monotonic()
        if self._seen or self.epoch:
            self._timed_rows += rows - self._seen
            self._timed_seconds += now - self._last
            self.rows_per_second = self._timed_rows / max(self._timed_seconds, 1e-9)
        self._seen, self._last = rows, now
        left = self.total * self.epochs - self.epoch * self.total - rows
        seconds = left / self.rows_per_second if self.rows_per_second else None
        self.progress.step(
            f"epoch {self.epoch + 1}/{self.epochs}, {rows:,} of {self.total:,} rows, loss {logs['loss']:.4g}",
            epoch=self.epoch + 1, epochs=self.epochs, rows=rows, total=self.total, loss=float(logs["loss"]),
            seconds_left=seconds,
        )  # fmt: skip

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        shown = ", ".join(f"{key} {value:.4g}" for key, value in logs.items() if key in ("loss", "val_loss"))
        self.progress.step(
            f"epoch {epoch + 1}/{self.epochs}: {shown}", now=True,
            epoch=epoch + 1, epochs=self.epochs, rows=self.total, total=self.total,
            loss=float(logs["loss"]), val_loss=float(logs.get("val_loss", float("nan"))),
            logs={key: float(value) for key, value in logs.items()},
        )  # fmt: skip
