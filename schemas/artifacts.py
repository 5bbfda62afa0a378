"""Where each artifact keeps its files, and how one comes to be whole or not at all.

    examples/     split=train|eval|test|quarantine/part-*.parquet, manifest.json
    statistics/   statistics.pb, schema.pbtxt, anomalies.pb, anomalies.html, manifest.json
    transformed/  split=…/part-*.parquet, transform_fn/, features.json, manifest.json
    model/        model.keras, saved_model/, history.csv, model.svg, tensorboard/, manifest.json;
                  module.py where layers of one's own are in it
    evaluation/   metrics.json, intervals.json, verdict.json, verdict.md, insight.json, report.html, predictions/,
                  tfma/, champion/, manifest.json
    proof/        assets.extra/tf_serving_warmup_requests, manifest.json

An artifact is written beside its place and renamed when whole. A folder without
`manifest.json` does not exist for its readers.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from schemas.errors import DataError
from schemas.ops import Kind

MANIFEST = "manifest.json"


@contextlib.contextmanager
def whole_artifact(place: str | Path, manifest: dict[str, Any]) -> Iterator[Path]:
    """Yields a temporary folder beside `place` that becomes `place` when the block ends well.

    Args:
        place: the artifact's folder; what stood there before is replaced.
        manifest: written last as `manifest.json`; the block may add to it.

    Raises:
        DataError: nothing can be written beside `place`.
    """
    place = Path(place)
    temporary = place.parent / f".{place.name}.{os.getpid()}.partial"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"{place}: cannot be written there ({error.strerror}); name another folder") from None
    try:
        yield temporary
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        if place.exists():
            shutil.rmtree(place)
        os.replace(temporary, place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_manifest(place: str | Path, made_by: str) -> dict[str, Any]:
    """The manifest of a whole artifact.

    Raises:
        DataError: there is none; `made_by` names the component that writes such a folder.
    """
    path = Path(place) / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{place}: no {MANIFEST} there; expected a folder written by components.{made_by}") from None
    return manifest


def split_folder(artifact: str | Path, split: str) -> Path:
    """The folder of one split's parts."""
    return Path(artifact) / f"split={split}"


def split_parts(artifact: str | Path, split: str) -> list[str]:
    """The Parquet files of a split in their order, which is the order of the rows."""
    return sorted(str(path) for path in split_folder(artifact, split).glob("part-*.parquet"))


@dataclass(frozen=True)
class Feature:
    """What the model must know of a transformed feature.

    Attributes:
        name: its name.
        kind: "numeric" (float32 [batch]), "vector" (float32 [batch, length]), "id" (int64 [batch], values in
            [0, size)) or "ids" (int64 [batch, length], values in [0, size), 0 where there is none).
        size: how many ids there are; None for numbers.
        length: of each row's vector or ids; None where a row has one value.
        op: the op that makes it.
        inner: whether other features are made of it.
    """

    name: str
    kind: Kind
    size: int | None = None
    length: int | None = None
    op: str = ""
    inner: bool = False

    @property
    def is_ids(self) -> bool:
        """Whether its values are ids, to be read through an Embedding or a CategoryEncoding."""
        return self.kind in ("id", "ids")


@dataclass(frozen=True)
class Transformed:
    """What a transformed artifact holds.

    Attributes:
        features: by name.
        labels: by name.
        label_columns: the raw columns that labels are made of; no input of the served model.
    """

    features: dict[str, Feature]
    labels: dict[str, Feature]
    label_columns: list[str]


def write_features(path: Path, transformed: Transformed) -> None:
    """Writes `features.json` of a transformed artifact."""
    content = {
        "features": [asdict(feature) for feature in transformed.features.values()],
        "labels": [asdict(label) for label in transformed.labels.values()],
        "label_columns": transformed.label_columns,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_features(artifact: str | Path) -> Transformed:
    """Reads `features.json` of a transformed artifact."""
    content = json.loads((Path(artifact) / "features.json").read_text(encoding="utf-8"))
    features, labels = ({f["name"]: Feature(**f) for f in content[part]} for part in ("features", "labels"))
    return Transformed(features, labels, content["label_columns"])
