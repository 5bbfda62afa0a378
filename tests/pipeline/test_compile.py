from __future__ import annotations

import yaml
from kfp import components

from pipeline.arguments import pipeline_arguments
from pipeline.definition import compile_pipeline
from pipeline.digests import source_digest
from schemas.spec import load_spec
from tests.conftest import FLIGHTS


def test_compiles_byte_for_byte_and_loads_again(tmp_path):
    arguments = pipeline_arguments(load_spec(FLIGHTS / "spec.yaml"))
    for name in ("a.yaml", "b.yaml"):
        compile_pipeline(arguments, tmp_path / name)
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()
    loaded = components.load_component_from_file(str(tmp_path / "a.yaml"))
    assert set(loaded.component_spec.inputs) == set(arguments)
    ir = yaml.safe_load((tmp_path / "a.yaml").read_text())
    tasks = ir["root"]["dag"]["tasks"]
    assert {"ingest", "validate", "transform", "train", "evaluate"} <= set(tasks)
    condition = next(task for name, task in tasks.items() if name.startswith("condition"))
    assert "parameter_values" in condition["triggerPolicy"]["condition"]


def test_a_changed_section_changes_only_its_own_argument():
    base = pipeline_arguments(load_spec(FLIGHTS / "spec.yaml"))
    changed = pipeline_arguments(load_spec(FLIGHTS / "spec.yaml", {"model.training.epochs": "1"}))
    assert {key for key in base if base[key] != changed[key]} == {"model_section", "spec"}


def test_the_source_digest_follows_the_data(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    before = source_digest(["*.csv"], tmp_path)
    assert source_digest(["*.csv"], tmp_path) == before
    (tmp_path / "b.csv").write_text("2")
    assert source_digest(["*.csv"], tmp_path) != before
