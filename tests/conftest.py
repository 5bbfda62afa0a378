"""What several tests share: the example specs and the real data beside them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import components.train.presets
import components.transform.ops  # noqa: F401  makes ops and presets known

# A slow machine is no failure: how long an example takes is measured in benchmarks.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

HOUSE = Path(__file__).resolve().parent.parent
FLIGHTS = HOUSE / "examples" / "flights"
TAXI = HOUSE / "examples" / "taxi"
RIDES = HOUSE / "tests" / "fixtures" / "rides.yaml"
"""A spec of the taxi columns that tests edit: the examples are free to change."""


@pytest.fixture(scope="session")
def taxi_data() -> Path:
    """The folder of the real taxi files, beside the project or inside the example."""
    for folder in (TAXI / "data", HOUSE.parent / "shared" / "data" / "taxi"):
        if (folder / "taxi-train.csv").exists():
            return folder
    pytest.skip("the taxi files are not at hand")


@pytest.fixture(scope="session")
def taxi_folder(taxi_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the taxi example with its data linked in."""
    folder = tmp_path_factory.mktemp("taxi-example")
    for name in ("spec.yaml", "schema.pbtxt"):
        (folder / name).write_bytes((TAXI / name).read_bytes())
    (folder / "data").symlink_to(taxi_data)
    return folder


@pytest.fixture(scope="session")
def artifacts(taxi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What ingest, validate, transform and train write for the taxi example, trained for two epochs."""
    from components.ingest.worker import ingest
    from components.train.worker import train
    from components.transform.worker import transform
    from components.validate.worker import validate
    from schemas.dataset import schema_text
    from schemas.spec import load_spec

    place = tmp_path_factory.mktemp("artifacts")
    paths = {name: place / name for name in ("examples", "statistics", "transformed", "model")}
    loaded = load_spec(taxi_folder / "spec.yaml", {"model.training.epochs": "2"})
    spec, schema = loaded.spec, schema_text(loaded.schema)
    ingest(spec.data, schema, paths["examples"], folder=taxi_folder, seed=spec.seed)
    validate(spec.validation, schema, paths["examples"], paths["statistics"])
    transform(spec.transform, schema, paths["examples"], paths["transformed"])
    train(spec.model, schema, paths["transformed"], paths["model"], name=spec.name, seed=spec.seed)
    return paths


@pytest.fixture(scope="session")
def taxi_schema() -> str:
    return (TAXI / "schema.pbtxt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def shuffled(artifacts: dict[str, Path], taxi_schema: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A challenger that learnt from fares of other rides."""
    import numpy as np
    import pyarrow.parquet as pq

    from components.train.worker import train
    from schemas.artifacts import split_parts
    from schemas.spec import load_spec

    place = tmp_path_factory.mktemp("shuffled")
    shutil.copytree(artifacts["transformed"], place / "transformed")
    for part in split_parts(place / "transformed", "train"):
        table = pq.read_table(part, partitioning=None)
        fares = np.random.default_rng(1).permutation(table["fare"].to_numpy())
        pq.write_table(table.set_column(table.schema.get_field_index("fare"), "fare", [fares]), part)
    model = load_spec(TAXI / "spec.yaml", {"model.training.epochs": "2"}).spec.model
    train(model, taxi_schema, place / "transformed", place / "model", name="taxi", seed=7)
    return place
