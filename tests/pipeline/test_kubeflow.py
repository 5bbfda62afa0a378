"""Submitting, watching and scheduling, by the real kfp client against a server that holds to KFP's published swagger."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.commandline import main
from tests.conftest import HOUSE, RIDES, TAXI
from tests.pipeline.kfp_server import PROXY, Server


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()
    assert server.faults == []


@pytest.fixture(scope="session")
def spec(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("spec")
    path = folder / "spec.yaml"
    path.write_text(RIDES.read_text() + (HOUSE / "tests/fixtures/cluster.yaml").read_text())
    shutil.copyfile(TAXI / "schema.pbtxt", folder / "schema.pbtxt")
    return path


@pytest.fixture(scope="session")
def compiled(spec) -> Path:
    """The spec, compiled once: Keras is loaded for it."""
    path = spec.parent / "pipeline.yaml"
    subprocess.run(
        [sys.executable, "-m", "pipeline.commandline", "compile", str(spec), "-o", str(path), "--image-tag", "1",
         "--runs", str(spec.parent / "runs")],
        check=True, cwd=HOUSE,
    )  # fmt: skip
    return path


def latticework(capsys, *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    said = capsys.readouterr()
    return status, said.out, said.err


def task(name: str, state: str, number: int, **more) -> dict:
    times = {"start_time": f"2026-11-24T06:0{number}:00Z", "end_time": f"2026-11-24T06:0{number}:30Z"}
    return {"display_name": name, "task_id": f"{name}-{number}", "state": state, **times, **more}


def test_a_pipeline_is_uploaded_once_and_run_with_its_parameters(server, compiled, capsys):
    given = ["--host", server.url, "--param", "span=2026-11-24", "--param", "seed=7", "--no-cache"]
    status, out, _ = latticework(capsys, "submit", str(compiled), *given, "--run-name", "tuesday", "--root", "s3://b/x")
    assert status == 0
    run = next(iter(server.runs.values()))
    assert f"{server.url}/#/runs/details/{run['run_id']}" in out
    assert run["display_name"] == "tuesday"
    assert run["runtime_config"] == {"parameters": {"span": "2026-11-24", "seed": 7}, "pipeline_root": "s3://b/x"}
    assert server.experiments[run["experiment_id"]]["display_name"] == "taxi"
    assert [one["display_name"] for one in server.pipelines.values()] == ["taxi"]
    named = [one["display_name"] for one in server.versions.values()]
    assert named[0] == "taxi"
    assert named[1].startswith("taxi-")

    status, out, _ = latticework(capsys, "submit", str(compiled), "--host", server.url)
    assert status == 0
    assert "uploaded before" in out
    assert len(server.versions) == 2
    assert len(server.runs) == 2


def test_watching_tells_states_and_ends_with_the_outcome(server, compiled, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    whole = [task("resolve", "SUCCEEDED", 0), task("ingest", "SUCCEEDED", 1), task("ingest-driver", "SUCCEEDED", 1),
             task("sound", "SUCCEEDED", 2)]  # fmt: skip
    server.script = [
        ("PENDING", []), ("RUNNING", [task("ingest", "RUNNING", 1)]),
        ("SUCCEEDED", [*whole, task("blessed", "SUCCEEDED", 3), task("push", "SUCCEEDED", 4)]),
    ]  # fmt: skip
    status, out, _ = latticework(capsys, "submit", str(compiled), "--host", server.url, "--watch")
    assert status == 0
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith(("…", "✓"))][:3] == [
        ["…", "ingest"],
        ["✓", "resolve"],
        ["✓", "ingest"],
    ]
    assert "driver" not in out
    assert lines[-1] == "published"

    server.script = [("SUCCEEDED", [*whole, task("blessed", "SKIPPED", 3)])]
    assert latticework(capsys, "submit", str(compiled), "--host", server.url, "--watch")[0] == 0
    status, out, _ = latticework(capsys, "submit", str(compiled), "--host", server.url, "--watch", "--require-blessing")
    assert status == 4
    assert "not blessed" in out
    server.script = [("SUCCEEDED", [task("ingest", "SUCCEEDED", 1), task("sound", "SKIPPED", 2)])]
    assert latticework(capsys, "submit", str(compiled), "--host", server.url, "--watch")[0] == 3


def test_a_failed_task_shows_its_log(server, compiled, capsys):
    failed = task("train", "FAILED", 1, error={"code": 2, "message": "main exited with 2"})
    tries = [
        {"display_name": f"executor({number})", "task_id": f"try-{number}", "parent_task_id": failed["task_id"],
         "state": "FAILED", "pod_name": f"taxi-train-{number}"}
        for number in (0, 1)
    ]  # fmt: skip
    server.script = [("FAILED", [task("exit-handler-1", "FAILED", 0), failed, *tries])]
    server.logs["taxi-train-1"] = "epoch 1/2\n" * 200 + "train: model.layers: out of memory\n"
    status, out, _ = latticework(capsys, "submit", str(compiled), "--host", server.url, "--watch", "--json")
    assert status == 1
    told = json.loads(out)
    assert told["failed"] == "train"
    assert told["error"] == "main exited with 2"
    assert told["log"].endswith("train: model.layers: out of memory")
    assert len(told["log"].splitlines()) == 60
    assert told["outcome"] == "failed"
    server.logs.clear()
    status, out, _ = latticework(capsys, "submit", str(compiled), "--host", server.url, "--watch")
    assert status == 1
    assert "kubectl logs -n kubeflow taxi-train-1 -c main" in out


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "LATTICEWORK_KFP_TOKEN"),
        (403, "service account needs a role"),
        (404, "no such thing"),
        (409, "there already"),
    ],
)
def test_refusals_are_told_with_what_to_do(server, compiled, capsys, status, words):
    server.errors = [["POST /apis/v2beta1/runs", status, 99]]
    found, _, err = latticework(capsys, "submit", str(compiled), "--host", server.url)
    assert found == 1
    assert words in err
    assert f"told to answer {status}" in err
    assert "Traceback" not in err


def test_what_passes_is_tried_again(server, compiled, capsys, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.errors = [["POST /apis/v2beta1/pipelines/upload", 503, 2], ["POST /apis/v2beta1/runs", 503, 3]]
    assert latticework(capsys, "submit", str(compiled), "--host", server.url)[0] == 0
    assert len(server.runs) == 1
    tried = [line for line in server.requests if line.startswith("POST /apis/v2beta1/runs")]
    assert len(tried) == 4


def test_who_asks_is_proved_by_a_token_that_no_message_shows(server, compiled, capsys, monkeypatch, tmp_path):
    server.token = "s3cr3t-t0ken"
    status, out, err = latticework(capsys, "submit", str(compiled), "--host", server.url)
    assert status == 1
    assert "401" in err
    monkeypatch.setenv("LATTICEWORK_KFP_TOKEN", "s3cr3t-t0ken")
    status, out, err = latticework(capsys, "submit", str(compiled), "--host", server.url)
    assert status == 0, err
    monkeypatch.delenv("LATTICEWORK_KFP_TOKEN")
    (tmp_path / "token").write_text("s3cr3t-t0ken\n")
    status, out, err = latticework(
        capsys, "submit", str(compiled), "--host", server.url, "--token-file", str(tmp_path / "token")
    )
    assert status == 0, err
    assert "s3cr3t" not in out + err


def test_nothing_that_answers_is_told(compiled, capsys):
    status, _, err = latticework(capsys, "submit", str(compiled), "--host", "http://127.0.0.1:9")
    assert status == 1
    assert "no connection to Kubeflow Pipelines (MaxRetryError)" in err


def test_a_kubeconfig_is_enough(server, compiled, capsys, monkeypatch, tmp_path):
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": "other",
                "clusters": [{"name": "kind", "cluster": {"server": server.url}}],
                "users": [{"name": "me", "user": {"token": "from-kubeconfig"}}],
                "contexts": [{"name": "kind-kind", "context": {"cluster": "kind", "user": "me"}}],
            }
        )
    )  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
    server.script = [("FAILED", [task("train", "FAILED", 1, pod_name="taxi-train-0")])]
    server.logs["taxi-train-0"] = "train: out of memory\n"
    status, out, err = latticework(capsys, "submit", str(compiled), "--kube-context", "kind-kind", "--watch")
    assert status == 1, err
    assert "train: out of memory" in out
    assert [line for line in server.requests if PROXY not in line and "/pods/" not in line] == []
    assert len(server.runs) == 1


def test_without_a_host_or_a_kubeconfig_it_asks_where(compiled, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    status, out, err = latticework(capsys, "submit", str(compiled))
    assert (status, out) == (2, "")
    assert "where is Kubeflow Pipelines? Give --host" in err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--param", "sapn=1"], "did you mean 'span'?"),
        (["--param", "seed=seven"], "expected NUMBER_INTEGER"),
        (["--param", "thresholds={}"], "expected LIST"),
        (["--param", "span"], "expected NAME=VALUE"),
        (["--set", "seed=1"], "is compiled already"),
    ],
)
def test_parameters_are_checked_before_anything_is_sent(server, compiled, capsys, given, words):
    status, _, err = latticework(capsys, "submit", str(compiled), "--host", server.url, *given)
    assert status == 2
    assert words in err
    assert server.requests == []


def schedule(capsys, server, *arguments: str) -> tuple[int, str, str]:
    return latticework(capsys, "schedule", *arguments, "--host", server.url)


@pytest.fixture
def remembered(spec, compiled):
    """The runs folder in which the spec's graph is known to hold."""
    return ["--runs", str(spec.parent / "runs"), "--image-tag", "1"]


def test_a_schedule_is_what_the_spec_says(server, spec, remembered, capsys):
    status, out, err = schedule(capsys, server, "create", str(spec), *remembered)
    assert status == 0, err
    assert "created" in out
    made = next(iter(server.recurring.values()))
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 6 * * mon,tue,wed,thu,fri"}}
    assert made["no_catchup"] is True
    assert int(made["max_concurrency"]) == 1
    assert made["status"] == "ENABLED"
    assert made["runtime_config"]["parameters"] == {"span": "[[ScheduledTime.2006-01-02]]", "image_tag": "1"}

    assert "unchanged" in schedule(capsys, server, "create", str(spec), *remembered)[1]
    assert list(server.recurring) == [made["recurring_run_id"]]

    status, out, _ = schedule(capsys, server, "create", str(spec), *remembered, "--set", "schedule.cron=30 7 * * *")
    assert "updated" in out
    changed = next(iter(server.recurring.values()))
    assert len(server.recurring) == 1
    assert changed["trigger"] == {"cron_schedule": {"cron": "0 30 7 * * *"}}
    assert changed["status"] == "ENABLED"


def test_a_change_that_was_cut_off_is_ended_by_the_next(server, spec, remembered, capsys):
    schedule(capsys, server, "create", str(spec), *remembered)
    later = [*remembered, "--set", "schedule.cron=30 7 * * *"]
    server.errors = [["DELETE /apis/v2beta1/recurringruns", 500, 1]]
    assert schedule(capsys, server, "create", str(spec), *later)[0] == 1
    assert sorted(one["status"] for one in server.recurring.values()) == ["DISABLED", "ENABLED"]
    assert "updated" in schedule(capsys, server, "create", str(spec), *later)[1]
    assert [(one["trigger"]["cron_schedule"]["cron"], one["status"]) for one in server.recurring.values()] == [
        ("0 30 7 * * *", "ENABLED")
    ]


def test_pausing_resuming_running_now_and_deleting(server, spec, remembered, capsys):
    server.recurring["someone-elses"] = {
        "recurring_run_id": "someone-elses", "display_name": "nightly", "description": "", "status": "ENABLED"
    }  # fmt: skip
    schedule(capsys, server, "create", str(spec), *remembered)
    listed = json.loads(schedule(capsys, server, "list", "--json")[1])
    assert [(one["name"], one["trigger"], one["enabled"]) for one in listed] == [
        ("taxi", "0 6 * * mon,tue,wed,thu,fri", True)
    ]
    assert schedule(capsys, server, "pause", "taxi")[0] == 0
    assert "paused" in schedule(capsys, server, "list")[1]
    # A changed schedule stays paused.
    schedule(capsys, server, "create", str(spec), *remembered, "--set", "schedule.cron=30 7 * * *")
    assert not json.loads(schedule(capsys, server, "list", "--json")[1])[0]["enabled"]
    schedule(capsys, server, "resume", "taxi")
    assert json.loads(schedule(capsys, server, "list", "--json")[1])[0]["enabled"]
    status, out, err = schedule(capsys, server, "run-now", "taxi")
    assert status == 0, err
    run = next(iter(server.runs.values()))
    assert run["run_id"] in out
    assert run["runtime_config"]["parameters"]["span"].startswith("20")
    assert schedule(capsys, server, "delete", "taxi")[0] == 0
    assert list(server.recurring) == ["someone-elses"]
    status, _, err = schedule(capsys, server, "pause", "taxi")
    assert status == 2
    assert "no schedule of 'taxi'" in err


def test_an_interval_with_a_beginning_and_an_end(server, spec, remembered, capsys):
    more = [
        "--set",
        "schedule={every: 6h, start: 2026-12-01T00:00:00, end: 2027-01-01, time_zone: Europe/Berlin, catch_up: true, max_concurrency: 2}",
    ]
    assert schedule(capsys, server, "create", str(spec), *remembered, *more)[0] == 0
    made = next(iter(server.recurring.values()))
    assert made["trigger"]["periodic_schedule"] == {
        "interval_second": 21600, "start_time": "2026-11-30T23:00:00Z", "end_time": "2026-12-31T23:00:00Z"
    }  # fmt: skip
    assert made["no_catchup"] is False
    assert int(made["max_concurrency"]) == 2


def test_the_zone_of_a_cron_is_the_servers(server, spec, remembered, capsys):
    berlin = [*remembered, "--set", "schedule.time_zone=Europe/Berlin"]
    status, _, err = schedule(capsys, server, "create", str(spec), *berlin)
    assert status == 2
    assert "reads crons in UTC, not Europe/Berlin" in err
    assert schedule(capsys, server, "create", str(spec), *berlin, "--server-time-zone", "Europe/Berlin")[0] == 0
