from __future__ import annotations

import difflib
import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.arguments import pipeline_arguments, retraining_arguments
from pipeline.compiled import is_compiled, read_compiled
from pipeline.component_files import FACES, write_component_files
from pipeline.definition import compile_pipeline
from pipeline.digests import code_files, source_digest
from pipeline.placement import unreachable
from pipeline.retraining import retraining, searching
from pipeline.sweep.draw import drawn_trials
from schemas.errors import DataError
from schemas.spec import load_spec
from tests.conftest import FLIGHTS, HOUSE, RIDES, TAXI

GOLDEN = Path(__file__).parent / "golden"
RENEWED = os.environ.get("RENEW_GOLDEN") == "1"
"""make golden: write the golden files anew, to be read before they are committed."""


@pytest.fixture
def rides(tmp_path) -> Path:
    shutil.copyfile(TAXI / "schema.pbtxt", tmp_path / "schema.pbtxt")
    (tmp_path / "plain.yaml").write_text(RIDES.read_text())
    (tmp_path / "cluster.yaml").write_text(RIDES.read_text() + (HOUSE / "tests/fixtures/cluster.yaml").read_text())
    return tmp_path


def compiled(folder: Path, name: str, *, into: str = "pipeline.yaml") -> Path:
    loaded = load_spec(folder / f"{name}.yaml")
    path = folder / into
    compile_pipeline(retraining_arguments(loaded, "0.1.0-golden"), path, retraining(loaded.spec))
    return path


@pytest.mark.parametrize("name", ["plain", "cluster"])
def test_a_compiled_pipeline_is_the_golden_one_byte_for_byte(rides, name):
    found = compiled(rides, name).read_text()
    assert found == compiled(rides, name, into="again.yaml").read_text()
    golden = GOLDEN / f"{name}.yaml"
    if RENEWED:
        golden.write_text(found)
    difference = "".join(difflib.unified_diff(golden.read_text().splitlines(True), found.splitlines(True), n=1))
    assert not difference, f"make golden, if this is meant:\n{difference[:3000]}"


@pytest.mark.parametrize("name", ["plain", "cluster"])
def test_a_compiled_pipeline_holds_to_kfps_protos(rides, name):
    spec, *platform = yaml.safe_load_all(compiled(rides, name).read_text())
    pipeline = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert pipeline.pipeline_info.name == "taxi"
    if name == "plain":
        assert not platform
        return
    parsed = json_format.ParseDict(platform[0], pipeline_spec_pb2.PlatformSpec())
    executors = parsed.platforms["kubernetes"].deployment_spec.executors
    assert set(executors) == set(spec["deploymentSpec"]["executors"])
    for executor in executors.values():
        json_format.ParseDict(
            json_format.MessageToDict(executor), kubernetes_executor_config_pb2.KubernetesExecutorConfig()
        )


def test_it_loads_again_with_typed_and_documented_parameters(rides):
    path = compiled(rides, "cluster")
    assert set(components.load_component_from_file(str(path)).component_spec.inputs) == {
        "name", "spec", "schema", "transform_module", "model_module", "directory", "image_tag", "seed", "source", "span",
        "thresholds",
    }  # fmt: skip
    assert is_compiled(path)
    read = read_compiled(path)
    assert read.name == "taxi"
    for name, about in read.parameters.items():
        assert len(about["description"]) > 10, name
        assert "defaultValue" in about, name
    kinds = {name: about["parameterType"] for name, about in read.parameters.items()}
    assert kinds["seed"] == "NUMBER_INTEGER"
    assert kinds["thresholds"] == "LIST"
    assert set(kinds.values()) == {"STRING", "NUMBER_INTEGER", "LIST"}


def test_conditions_retries_caching_and_the_exit_handler(rides):
    spec, platform = yaml.safe_load_all(compiled(rides, "cluster").read_text())
    groups = {name: about["dag"]["tasks"] for name, about in spec["components"].items() if "dag" in about}
    root = spec["root"]["dag"]["tasks"]
    assert root["notify"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    tasks = {name: task for group in [root, *groups.values()] for name, task in group.items()}
    named = {task["taskInfo"]["name"]: task for task in tasks.values()}
    assert "validate-Output" in named["sound"]["triggerPolicy"]["condition"]
    assert "evaluate-Output" in named["blessed"]["triggerPolicy"]["condition"]
    retries = {name: task.get("retryPolicy", {}).get("maxRetryCount", 0) for name, task in named.items()}
    assert (retries["ingest"], retries["train"], retries["push"]) == (2, 3, 2)
    assert (retries["resolve"], retries["validate"], retries["notify"]) == (0, 0, 0)
    assert named["train"]["retryPolicy"]["backoffDuration"] == "30s"
    cached = {name for name, task in named.items() if task.get("cachingOptions", {}).get("enableCache")}
    assert {"ingest", "transform", "train", "canary"} <= cached
    assert not {"resolve", "validate", "evaluate", "push", "notify"} & cached
    train = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-train"]
    assert train["activeDeadlineSeconds"] == "14400"
    assert [one["mountPath"] for one in train["pvcMount"]] == ["/data", "/scratch"]
    assert len(train["tolerations"]) == 2
    container = spec["deploymentSpec"]["executors"]["exec-train"]["container"]
    assert container["image"].startswith("ghcr.io/acme/latticework/train:{{")
    assert container["image"].endswith("-gpu")
    assert container["resources"]["accelerator"] == {
        "count": "1", "resourceCount": "1", "resourceType": "nvidia.com/gpu", "type": "nvidia.com/gpu"
    }  # fmt: skip


def test_paths_that_no_pod_will_find_are_told(rides):
    plain, cluster = (load_spec(rides / f"{name}.yaml").spec for name in ("plain", "cluster"))
    assert unreachable(cluster) == []
    told = unreachable(plain)
    assert "data.path: pods look for data/taxi-train.csv at /data/data/taxi-train.csv" in told[0]
    assert told[-1].startswith("push.directory: pods look for serving at /data/serving")


def test_no_secret_is_in_the_file(rides):
    text = compiled(rides, "cluster").read_text()
    assert "LATTICEWORK_WEBHOOK" in text
    assert not re.search(r"hooks\.|password|BEGIN .*PRIVATE", text)
    assert str(rides) not in text
    assert str(HOUSE) not in text


def test_what_the_retraining_is_given_makes_the_sections_that_a_laptop_makes(rides):
    """The spec that the cluster's first step takes apart gives each component what `latticework run` gives it."""
    from schemas.spec import Data, Evaluation, Model, Transform, Validation

    for path in (rides / "plain.yaml", FLIGHTS / "spec.yaml", HOUSE / "tests/fixtures/everything/spec.yaml"):
        loaded = load_spec(path, with_schema=False)
        plain = json.loads(retraining_arguments(loaded, "1")["spec"])
        for name, section in (("data", Data), ("validate", Validation), ("transform", Transform), ("model", Model),
                              ("evaluate", Evaluation)):  # fmt: skip
            field = "validation" if name == "validate" else name
            assert section.model_validate(plain.get(name, {})) == getattr(loaded.spec, field), (path, name)


def test_each_rooms_component_yaml_is_that_of_its_face(tmp_path):
    rooms = {path.parent.name for path in (HOUSE / "components").glob("*/component.py")}
    assert set(FACES) == rooms
    for path in write_component_files(tmp_path):
        kept = HOUSE / "components" / path.parent.name / "component.yaml"
        assert kept.read_text() == path.read_text(), f"make schema renews {kept.relative_to(HOUSE)}"
        assert components.load_component_from_file(str(kept)).component_spec.description
        (about,) = [one for one in yaml.safe_load(kept.read_text())["components"].values() if "inputDefinitions" in one]
        for inputs in about["inputDefinitions"].values():
            assert all(len(one.get("description", "")) > 10 for one in inputs.values()), kept


def test_a_changed_section_changes_only_its_own_argument():
    base = pipeline_arguments(load_spec(FLIGHTS / "spec.yaml"))
    changed = pipeline_arguments(load_spec(FLIGHTS / "spec.yaml", {"model.training.epochs": "1"}))
    assert {key for key in base if base[key] != changed[key]} == {"model_section", "spec", "origin"}
    placed = pipeline_arguments(load_spec(FLIGHTS / "spec.yaml", {"cluster.root": "s3://x", "schedule.every": "1d"}))
    assert placed == base, "where and when it runs is no part of what a model is made of"


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


SWEEP = {
    "space": {"model.layers.deep_1.units": {"choices": [8, 16]}, "model.training.batch_size": {"low": 64, "high": 128}},
    "trials": 4, "parallel": 2,
}  # fmt: skip


def test_a_sweep_is_trained_side_by_side(rides):
    loaded = load_spec(rides / "plain.yaml", {"sweep": json.dumps(SWEEP)})
    trials = drawn_trials(loaded, {"sweep": json.dumps(SWEEP)})
    assert trials == drawn_trials(loaded, {"sweep": json.dumps(SWEEP)})
    assert len({json.dumps(trial) for trial in trials}) == 4
    assert all(
        set(trial) == set(SWEEP["space"]) and isinstance(trial["model.training.batch_size"], int) for trial in trials
    )
    arguments = {**retraining_arguments(loaded, "1"), "trials": [json.dumps(trial) for trial in trials]}
    compile_pipeline(arguments, rides / "sweep.yaml", searching(loaded.spec))
    spec = yaml.safe_load((rides / "sweep.yaml").read_text())
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    tasks = {
        name: task for one in spec["components"].values() if "dag" in one for name, task in one["dag"]["tasks"].items()
    }
    loop = next(task for name, task in tasks.items() if name.startswith("for-loop"))
    assert loop["iteratorPolicy"]["parallelismLimit"] == 2
    assert loop["parameterIterator"]["itemInput"]
    assert "choose" in tasks


def test_a_sweep_of_what_trials_share_is_refused(rides):
    space = {"sweep": json.dumps({"space": {"transform.features.km_clipped.high": {"low": 10, "high": 40}}})}
    with pytest.raises(DataError, match="only keys of `model` are searched"):
        drawn_trials(load_spec(rides / "plain.yaml", space), space)
    with pytest.raises(DataError, match="has no `sweep` section"):
        drawn_trials(load_spec(rides / "plain.yaml"), {})


def test_a_profile_goes_to_the_pods_of_data_work_alone_and_changes_nothing_else(rides, monkeypatch):
    from pipeline.commandline import main
    from schemas.engines import PROFILE, engine_of_task, read_profile

    written = {}
    for name, more in (("plain", []), ("on flink", ["--profile", "flink"])):
        path = rides / f"{name}.yaml"
        assert main(["compile", str(rides / "cluster.yaml"), "-o", str(path), "--image-tag", "t", *more]) == 0
        written[name] = next(yaml.safe_load_all(path.read_text()))
    executors = written["on flink"]["deploymentSpec"]["executors"]
    given = {}
    for name, executor in executors.items():
        environment = executor["container"].get("env", [])
        given |= {name: entry["value"] for entry in environment if entry["name"] == PROFILE}  # noqa: B035
        executor["container"]["env"] = [entry for entry in environment if entry["name"] != PROFILE]
        if not executor["container"]["env"]:
            del executor["container"]["env"]
    assert {name.removeprefix("exec-") for name in given} == {"ingest", "validate", "transform", "evaluate"}
    for text in given.values():
        monkeypatch.setenv(PROFILE, text)
        assert engine_of_task("transform") == read_profile("flink").of("transform")
    assert written["on flink"] == written["plain"]
