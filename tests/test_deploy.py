"""What a platform engineer applies: built by kustomize, each resource held against the Kubernetes API's schemas."""

from __future__ import annotations

import configparser
import copy
import shlex
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from pipeline.commandline import _parser
from tests.conftest import HOUSE

KUBERNETES = HOUSE / "deploy" / "kubernetes"
FLINK = KUBERNETES / "flink"
FILES = [path for path in sorted(KUBERNETES.rglob("*.yaml")) if path.name not in ("kustomization.yaml", "images.yaml")]
VERSIONS = ("1.30", "1.34")


def hold(resource: dict) -> None:
    for version in VERSIONS:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_resource_is_what_the_api_takes(path: Path) -> None:
    for resource in yaml.safe_load_all(path.read_text()):
        if resource["kind"] == "FlinkDeployment":
            # The operator's own resource; the pod in it is the API's, and has the container that Flink fills in.
            resource = copy.deepcopy(resource["spec"]["taskManager"]["podTemplate"])
            resource["spec"]["containers"][0]["image"] = "flink"
        hold(resource)
    kustomization = yaml.safe_load((path.parent / "kustomization.yaml").read_text())
    assert path.name in kustomization["resources"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl at hand")
@pytest.mark.parametrize(("overlay", "namespace"), [("kind", "kubeflow"), ("cluster", "latticework")])
def test_an_overlay_builds_into_one_namespace(overlay: str, namespace: str) -> None:
    command = ["kubectl", "kustomize", str(KUBERNETES / "overlays" / overlay)]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    resources = list(yaml.safe_load_all(built))
    for resource in resources:
        hold(resource)
        if resource["kind"] != "Namespace":
            assert resource["metadata"]["namespace"] == namespace
            assert resource["metadata"]["labels"]["app.kubernetes.io/part-of"] == "latticework"
    kinds = [resource["kind"] for resource in resources]
    assert {"ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim", "NetworkPolicy"} <= set(kinds)
    subjects = {s["namespace"] for r in resources if r["kind"] == "RoleBinding" for s in r["subjects"]}
    assert subjects == {namespace}


def test_roles_have_no_wildcards_and_write_nothing_but_their_own() -> None:
    for name in ("runner", "submitter"):
        for resource in yaml.safe_load_all((KUBERNETES / "base" / f"{name}.yaml").read_text()):
            for rule in resource.get("rules", []):
                assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
                if rule["apiGroups"] == [""]:
                    assert rule["verbs"] == ["get"]
                if "secrets" in rule["resources"]:
                    assert rule["resourceNames"]


def test_the_service_starts_a_command_that_there_is() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(HOUSE / "deploy/systemd/latticework-schedule.service")
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/.venv/bin/latticework")
    options = _parser().parse_args(words)
    assert options.local
    assert str(options.runs).startswith(unit["Service"]["ReadWritePaths"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd at hand")
def test_systemd_takes_the_service(tmp_path: Path) -> None:
    text = (HOUSE / "deploy/systemd/latticework-schedule.service").read_text()
    unit = tmp_path / "latticework-schedule.service"
    unit.write_text(text.replace("/srv/latticework/.venv/bin/latticework", shutil.which("true") or "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    mine = [line for line in (done.stdout + done.stderr).splitlines() if "latticework-schedule" in line]
    assert not [line for line in mine if "Unknown" in line or "Failed to parse" in line or "Invalid" in line], mine


def flink() -> dict:
    command = ["kubectl", "kustomize", str(FLINK)]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {f"{r['kind']} {r['metadata']['name']}": r for r in yaml.safe_load_all(built)}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl at hand")
def test_flink_and_its_profile_agree() -> None:
    from apache_beam.version import __version__ as beam_version

    from deploy.engines.flink import FLINK as FLINK_VERSION
    from schemas.engines import Flink, read_profile

    built, profile = flink(), read_profile("flink")
    assert isinstance(profile, Flink)
    session = built["FlinkDeployment latticework-flink"]["spec"]
    assert session["flinkVersion"] == "v" + "_".join(FLINK_VERSION.split(".")[:2])
    pod = session["taskManager"]["podTemplate"]["spec"]
    pools = {c["name"].removeprefix("pool-"): c for c in pod["containers"][1:]}
    assert pools.keys() == profile.worker_pools.keys()
    for room, container in pools.items():
        port = int(profile.worker_pools[room].rpartition(":")[2])
        assert container["command"] == ["python", "-m", "schemas.engines.worker_pool", "--port", str(port)]
        assert f"('localhost', {port})" in container["readinessProbe"]["exec"]["command"][-1]
        assert container["image"].startswith(f"latticework/{room}:")
        assert {"name": "scratch", "mountPath": profile.scratch} in container["volumeMounts"]
    jobs = built["Deployment latticework-flink-jobs"]["spec"]["template"]["spec"]["containers"][0]
    assert jobs["image"] == f"apache/beam_flink{FLINK_VERSION[:4]}_job_server:{beam_version}"
    service = built["Service latticework-flink-jobs"]
    assert profile.job_endpoint == f"{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    account = built["ServiceAccount latticework-flink"]
    assert session["serviceAccount"] == account["metadata"]["name"]
