from __future__ import annotations

import yaml
from kfp import components

from pipeline.arguments import pipeline_arguments
from pipeline.definition import compile_pipeline
from pipeline.digests import code_files, source_digest
from schemas.spec import load_spec
from tests.conftest import FLIGHTS, HOUSE


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
    assert {key for key in base if base[key] != changed[key]} == {"model_section", "spec", "origin"}


def test_the_code_digest_is_of_what_a_component_imports():
    found = {
        component: {str(p.relative_to(HOUSE)) for p in code_files(component)}
        for component in ("ingest", "train", "evaluate")
    }
    assert {"components/ingest/splits.py", "schemas/spec/data.py", "schemas/graph.py"} <= found["ingest"]
    assert {"components/train/presets/dnn.py", "schemas/keras_names.json", "schemas/spec/expand.py"} <= found["train"]
    assert {"components/evaluate/report.html.j2", "schemas/registry.py", "schemas/dense.py"} <= found["evaluate"]
    assert not {"schemas/registry.py", "schemas/dense.py", "schemas/spec.schema.json"} & found["ingest"]
    assert not any(path.startswith(("pipeline/", "components/evaluate/")) for path in found["train"])


def test_the_source_digest_follows_the_data(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    before = source_digest(["*.csv"], tmp_path)
    assert source_digest(["*.csv"], tmp_path) == before
    (tmp_path / "b.csv").write_text("2")
    assert source_digest(["*.csv"], tmp_path) != before
