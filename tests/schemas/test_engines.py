"""Profiles: what each engine is told, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.engines import LAPTOP, PROFILE, Direct, Flink, Prism, engine_of_task, load_profile, read_profile
from schemas.engines.profile import PROFILES
from schemas.errors import DataError, SpecError
from schemas.source_map import SourceMap


def profile(text: str):
    return load_profile(SourceMap("p.yaml", text), "p.yaml")


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_that_comes_along_holds_and_survives_the_environment(path, monkeypatch):
    from apache_beam.options.pipeline_options import PipelineOptions

    found = read_profile(path)
    monkeypatch.setenv(PROFILE, found.model_dump_json())
    for component in ("ingest", "train"):
        assert engine_of_task(component) == found.of(component)
    known, unknown = PipelineOptions(found.flags()).get_all_options(drop_default=True), set(found.takes)
    assert {flag[2:].partition("=")[0] for flag in found.flags()} <= {*known, *unknown, "no_use_public_ips"}


def test_without_a_profile_this_machine_does_the_work(monkeypatch):
    monkeypatch.delenv(PROFILE, raising=False)
    assert engine_of_task("ingest") == LAPTOP == read_profile("laptop")
    assert LAPTOP.flags() == ["--runner=FnApiRunner"]


def test_processes_are_started_where_work_is_large_and_cores_are_many(monkeypatch):
    assert Direct(workers=2).flags(2**40) == ["--runner=FnApiRunner"]
    assert Direct(workers=8).flags(2**20) == ["--runner=FnApiRunner"]
    several = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=8"]
    assert Direct(workers=8).flags(2**40) == Direct(mode="multi_processing", workers=8).flags() == several
    assert Direct(mode="in_memory", workers=8).flags(2**40) == ["--runner=FnApiRunner"]


def test_a_profile_beside_the_spec_comes_first(tmp_path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/flink.yaml").write_text("engine: flink\njob_endpoint: here:1\n", encoding="utf-8")
    assert read_profile("flink", tmp_path).job_endpoint == "here:1"
    assert read_profile("flink").job_endpoint != "here:1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("engine: flnk", "p.yaml:1: engine: found 'flnk'; did you mean 'flink'?"),
        ("scratch: /tmp", "engine: missing; expected one of: dataflow, direct, flink, prism, spark"),
        ("engine: flink\njob_endpont: a:1", "p.yaml:2: job_endpont: unknown key 'job_endpont'; did you mean 'job_end"),
        ("engine: flink\njob_endpoint: http://a:1", "p.yaml:2: job_endpoint: found 'http://a:1'"),
        (
            "engine: flink\noptions:\n  checkpointing_intervall: 3",
            "p.yaml:3: options.checkpointing_intervall: Beam has",
        ),
        ("engine: flink\noptions: {parallelism: 3}", "options.parallelism: conflicts with the profile's own key"),
        ("engine: flink\noptions: {environment_config: 'a:1'}", "write `worker_pool`"),
        ("engine: flink\noptions: {direct_num_workers: 3}", "an option of the engine 'direct'"),
        ("engine: direct\noptions: {object_reuse: true}", "an option of the engine 'flink'"),
        ("engine: direct\noptions: {direct_runner_bundle_repeat: many}", "found 'many'; invalid int value: 'many'"),
        ("engine: dataflow\nproject: p", "region: missing"),
    ],
)
def test_mistakes_are_told_with_their_line_before_anything_starts(text, told):
    with pytest.raises(SpecError) as raised:
        profile(text)
    assert told in str(raised.value)


def test_a_name_that_is_no_profile_and_an_environment_that_holds_none_are_told(monkeypatch, tmp_path):
    with pytest.raises(DataError, match="no profile 'flonk'; did you mean 'flink'"):
        read_profile("flonk")
    with pytest.raises(DataError, match="no such file"):
        read_profile(tmp_path / "none.yaml")
    monkeypatch.setenv(PROFILE, "flink")
    with pytest.raises(DataError, match=f"{PROFILE}: not JSON"):
        engine_of_task("ingest")


def test_a_job_server_that_does_not_answer_is_told_at_once():
    with pytest.raises(DataError, match=r"job_endpoint localhost:1: no Beam job server answers there"):
        Prism(job_endpoint="localhost:1").check_reachable()


def test_options_reach_the_engine_as_a_command_line_has_them():
    given = Flink(job_endpoint="a:1", parallelism=3, options={"object_reuse": True, "experiments": ["a", "b"]}).flags()
    assert given[-4:] == ["--parallelism=3", "--object_reuse", "--experiments=a", "--experiments=b"]
    assert "--environment_config=localhost:50000" in given


def test_a_profile_asks_for_no_beam_before_it_is_read():
    import subprocess
    import sys

    code = "import sys, schemas.engines; sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_each_component_has_the_worker_pool_of_its_own_image():
    found = Flink(worker_pool="localhost:1", worker_pools={"transform": "localhost:3"})
    assert [found.of(name).worker_pool for name in ("ingest", "transform")] == ["localhost:1", "localhost:3"]
