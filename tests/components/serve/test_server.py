"""The real server's process, asked as clients ask."""

from __future__ import annotations

import os
import struct
import threading
import time
import urllib.request

import grpc
import numpy as np
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from schemas.registry import Registry
from tests.components.serve.conftest import serving

V1, V2 = "/v1/models/taxi:predict", "/v2/models/taxi/infer"


def v2_inputs(rows, columns):
    return [
        {"name": c["name"], "datatype": c["datatype"], "shape": [len(rows)], "data": [row[c["name"]] for row in rows]}
        for c in columns
    ]


def test_a_thousand_rows_over_rest_are_the_trained_models(server, rows, trained):
    found = []
    for start in range(0, 1000, 250):
        status, answer = server.post(V1, {"instances": rows[start : start + 250]})
        assert (status, answer["model_version"]) == (200, "1"), answer
        found += [prediction["fare"] for prediction in answer["predictions"]]
    assert len(found) == 1000
    np.testing.assert_allclose(found, trained, rtol=1e-5, atol=1e-5)


def test_a_thousand_rows_over_v2_are_the_trained_models(server, rows, trained):
    about = server.get("/v2/models/taxi")
    assert about["outputs"] == [{"name": "fare", "datatype": "FP32", "shape": [-1]}]
    status, answer = server.post(V2, {"id": "a", "inputs": v2_inputs(rows, about["inputs"])})
    assert (status, answer["id"], answer["model_version"]) == (200, "a", "1"), answer
    (output,) = answer["outputs"]
    assert output["shape"] == [1000]
    np.testing.assert_allclose(output["data"], trained, rtol=1e-5, atol=1e-5)


def grpc_request(rows, columns):
    request = pb.ModelInferRequest(model_name="taxi")
    for column in columns:
        kind, values = column["datatype"], [row[column["name"]] for row in rows]
        tensor = request.inputs.add(name=column["name"], datatype=kind, shape=[len(rows)])
        if kind == "BYTES":
            tensor.contents.bytes_contents.extend(b"" if v is None else v.encode() for v in values)
        elif kind == "INT64":
            tensor.contents.int64_contents.extend(-(2**63) if v is None else v for v in values)
        else:
            tensor.contents.fp32_contents.extend(float("nan") if v is None else v for v in values)
    return request


def test_a_thousand_rows_over_grpc_are_the_trained_models(server, rows, trained):
    columns = server.get("/v2/models/taxi")["inputs"]
    with grpc.insecure_channel(server.grpc) as channel:
        stub = GRPCInferenceServiceStub(channel)
        answer = stub.ModelInfer(grpc_request(rows, columns))
        assert answer.model_version == "1"
        found = np.frombuffer(answer.raw_output_contents[0], np.float32)
        np.testing.assert_allclose(found, trained, rtol=1e-5, atol=1e-5)
        raw = grpc_request(rows, columns)
        for tensor in raw.inputs:
            kept = tensor.contents
            raw.raw_input_contents.append(
                b"".join(struct.pack("<I", len(text)) + text for text in kept.bytes_contents)
                + np.array(kept.int64_contents, np.int64).tobytes()
                + np.array(kept.fp32_contents, np.float32).tobytes()
            )
            tensor.ClearField("contents")
        found = np.frombuffer(stub.ModelInfer(raw).raw_output_contents[0], np.float32)
        np.testing.assert_allclose(found, trained, rtol=1e-5, atol=1e-5)
        bad = grpc_request(rows[:2], columns[1:])
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(bad)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert columns[0]["name"] in refused.value.details()
        with pytest.raises(grpc.RpcError):
            stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="taxi"))
        assert stub.ModelReady(pb.ModelReadyRequest(name="taxi")).ready


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.pop("passenger_count"), "no column 'passenger_count'"),
        (lambda r: r.update(passengr_count=1), "unknown column 'passengr_count'; did you mean 'passenger_count'?"),
        (lambda r: r.update(passenger_count="two"), "row 1: column 'passenger_count' is 'two'; expected an integer"),
        (lambda r: r.update(passenger_count=1.5), "row 1: column 'passenger_count' is 1.5; expected an integer"),
        (lambda r: r.update(passenger_count=True), "row 1: column 'passenger_count' is True; expected an integer"),
        (lambda r: r.update(passenger_count=2**63), "column 'passenger_count' is 9223372036854775808"),
        (lambda r: r.update(pickup_longitude=[1]), "row 1: column 'pickup_longitude' is [1]; expected a number"),
        (lambda r: r.update(pickup_datetime=5), "row 1: column 'pickup_datetime' is 5; expected a text"),
    ],
)
def test_a_mistake_in_a_row_is_named(server, rows, change, told):
    asked = [dict(rows[0]), dict(rows[1])]
    change(asked[1])
    status, answer = server.post(V1, {"instances": asked})
    assert status == 400
    assert told in answer["error"]


def test_what_is_no_request_is_refused(server, rows):
    for body in (b"no json", {"rows": []}, {"instances": []}, {"instances": [3]}, {"instances": "x"}):
        status, answer = server.post(V1, body)
        assert status == 400, answer
    columns = server.get("/v2/models/taxi")["inputs"]
    for inputs in (v2_inputs(rows[:2], columns)[1:], [dict(v2_inputs(rows[:2], columns)[0], name="zzz")]):
        status, answer = server.post(V2, {"inputs": inputs})
        assert status == 400
        assert "column" in answer["error"]
    uneven = v2_inputs(rows[:2], columns)
    uneven[0].update(shape=[1], data=uneven[0]["data"][:1])
    status, answer = server.post(V2, {"inputs": uneven})
    assert (status, "has 1 rows and" in answer["error"]) == (400, True)
    status, answer = server.post("/v1/models/other:predict", {"instances": rows[:1]})
    assert status == 404
    assert "other" in answer["error"]
    assert server.post("/v2/repository/models/taxi/unload", {})[0] == 400
    assert server.post(V1, {"instances": rows[:1]})[0] == 200


def test_a_body_that_is_too_large_is_refused(server):
    status, answer = server.post(V1, b" " * 2_000_000)
    assert status == 413
    assert "at most 1,048,576" in answer["error"]

    def pieces():
        yield from [b" " * 100_000] * 20

    request = urllib.request.Request(f"{server.url}{V2}", pieces(), {"content-type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 413


def test_missing_values_are_null(server, rows):
    asked = [dict.fromkeys(rows[0]), rows[0]]
    status, answer = server.post(V1, {"instances": asked})
    assert status == 200
    columns = server.get("/v2/models/taxi")["inputs"]
    status, other = server.post(V2, {"inputs": v2_inputs(asked, columns)})
    assert status == 200, other
    np.testing.assert_allclose(other["outputs"][0]["data"], [p["fare"] for p in answer["predictions"]], rtol=1e-6)


def test_metrics_and_health(server, rows):
    assert server.post(V1, {"instances": rows[:1]})[0] == 200
    metrics = server.get("/metrics")
    assert 'latticework_version{model_name="taxi"} 1.0' in metrics
    assert "latticework_rows_total" in metrics
    assert "request_predict_seconds_bucket" in metrics
    assert server.get("/v2/health/live") == {"live": True}
    assert server.get("/v1/models/taxi") == {"name": "taxi", "ready": True}


def test_it_is_bound_to_this_machine_alone(server):
    import socket

    port = int(server.url.rsplit(":", 1)[1])
    for _, _, _, _, address in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET):
        if not address[0].startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(address, 5)


def test_a_better_champion_takes_over_while_fifty_clients_ask(artifacts, rows, tmp_path):
    directory, model = tmp_path / "serving", artifacts["model"] / "saved_model"
    registry = Registry(directory, "taxi")
    registry.publish(model, {"metrics": {}}, "first")
    with serving(directory, "taxi", log=tmp_path / "log") as server:
        stop, failed, seen = threading.Event(), [], [set() for _ in range(50)]

        def client(index):
            while not stop.is_set():
                status, answer = server.post(V1, {"instances": rows[index : index + 3]})
                if status != 200 or len(answer["predictions"]) != 3:
                    failed.append((status, answer))
                    return
                seen[index].add(answer["model_version"])

        clients = [threading.Thread(target=client, args=(index,)) for index in range(50)]
        for one in clients:
            one.start()

        def wait_for(version):
            for _ in range(300):
                if all(version in versions for versions in seen) or failed:
                    return
                time.sleep(0.1)

        wait_for("1")
        assert registry.publish(model, {"metrics": {}}, "better", {"assets.extra/x": model / "saved_model.pb"}) == (
            2,
            True,
        )
        wait_for("2")
        registry.rollback("worse")
        for versions in seen:
            versions.clear()
        wait_for("1")
        # A version that cannot be loaded is refused, and the one in service stays.
        broken = tmp_path / "broken"
        broken.mkdir()
        (broken / "saved_model.pb").write_text("no model")
        registry.publish(broken, {}, "broken")
        time.sleep(1)
        stop.set()
        for one in clients:
            one.join()
        assert failed == []
        assert all("1" in versions for versions in seen)
        assert server.post(V1, {"instances": rows[:1]})[1]["model_version"] == "1"
    assert "version 3 does not take over" in (tmp_path / "log").read_text()
    assert "version 2 is in service" in (tmp_path / "log").read_text()


def test_a_worker_that_dies_is_started_again(published, rows, tmp_path):
    import psutil

    with serving(published, "taxi", log=tmp_path / "log") as server:
        workers = psutil.Process(server.process.pid).children()
        assert len(workers) == os.cpu_count()
        workers[0].kill()
        for _ in range(20):
            assert server.post(V1, {"instances": rows[:2]})[0] == 200
        for _ in range(300):
            if len(psutil.Process(server.process.pid).children()) == len(workers) and not workers[0].is_running():
                break
            time.sleep(0.1)
        metrics = server.get("/metrics")
        assert 'latticework_rows_total{model_name="taxi",version="1"} 40.0' in metrics, "of all workers together"
        with pytest.raises(AssertionError, match="name another with --host, --port"):
            port = server.url.rsplit(":", 1)[1]
            with serving(published, "taxi", log=tmp_path / "other", options=("--port", port)):
                pass
    assert "a worker ended with status -9; another one starts" in (tmp_path / "log").read_text()


def test_a_name_without_a_champion_is_told(tmp_path):
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "components.serve", "nothing", "--serving", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "no version is in service" in done.stderr
    assert "Traceback" not in done.stderr
