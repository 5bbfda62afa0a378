"""Runs the compiled pipeline on this machine through `kfp.local`: in processes, or in the components' images."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pipeline.arguments import pipeline_arguments
from pipeline.graph_check import check_graph, remembered
from pipeline.runs import SPEC, SUMMARY
from pipeline.warm import warm_process
from schemas.errors import UserError
from schemas.progress import ENVIRONMENT, Event, parse
from schemas.spec import LoadedSpec

COMPONENTS = ("ingest", "validate", "transform", "train", "evaluate", "canary", "push")
_EXECUTING = re.compile(r"Executing task .*?'([a-z-]+)'")
_CACHED = re.compile(r"Task ([a-z-]+) cache hit")


class RunFailed(UserError):
    """A component failed: for a reason it could tell (`told`), or one that its log shows."""

    def __init__(self, component: str, reason: str, log: Path, *, told: bool) -> None:
        self.component, self.reason, self.log, self.told = component, reason, log, told
        super().__init__(f"{component} failed: {reason}\nIts log: {log}")
        self.exit_status = 2 if told else 1


@dataclass
class Run:
    """A run that ended well.

    Attributes:
        folder: logs/, pipeline.yaml, spec.json, summary.json.
        outputs: by name (examples, statistics, transformed, model, evaluation), the artifact's folder.
        seconds: by component; those answered from the cache are not in it.
        published: the version's folder, or None where the model was not blessed.
    """

    folder: Path
    outputs: dict[str, Path] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    published: str | None = None
    total_seconds: float = 0.0


Runner = Literal["subprocess", "docker"]
Listener = Callable[[str, Event | None], None]


def run_local(
    loaded: LoadedSpec, runs: Path, serving: str | None, listen: Listener, *, cache: bool = True,
    training_only: bool = False, runner: Runner = "subprocess", span: str = "",
) -> Run:  # fmt: skip
    """Compiles the pipeline of a spec and runs it.

    Args:
        loaded: a spec that holds.
        runs: the folder of all runs; artifacts and cache are kept in it by the model's name.
        serving: the folder of published models, where it is not the spec's.
        listen: called with ("running" | "cached" | "event", event or the component's start).
        cache: False runs every component.
        training_only: whether the pipeline ends with the trained model, neither judged nor published.
        span: the newest span of the data; see `schemas.spans`.
        runner: "subprocess", or "docker" for the images of `make images`.

    Raises:
        SpecError: Keras finds a mistake in the graph.
        RunFailed: a component failed.
        DataError: an image is not there.
    """
    arguments = pipeline_arguments(loaded, serving, span)
    home = runs.resolve() / loaded.spec.name
    folder = home / datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    (folder / "logs").mkdir(parents=True)
    (folder / SPEC).write_text(arguments["spec"], encoding="utf-8")
    began = time.monotonic()
    compiled = folder / "pipeline.yaml"
    run, recorder = Run(folder), _Recorder(folder / "logs", listen)
    with (
        recorder.recording(), warnings.catch_warnings(), _progress_as_json(),
        _runner(runner, loaded, arguments["directory"], folder / "logs/warm.log") as (within, place),
    ):  # fmt: skip
        warnings.simplefilter("ignore")
        listen("running", Event("check", "start"))
        listen("event", Event("check", "step", "every layer of the model"))
        check_graph(loaded, remembered(runs, loaded))
        from kfp import components, local

        from pipeline.definition import compile_pipeline, latticework, training

        chosen = (training if training_only else latticework)(place)
        arguments = {name: arguments[name] for name in chosen.component_spec.inputs}
        compile_pipeline(arguments, compiled, chosen)
        local.init(within, pipeline_root=str(home / "artifacts"), enable_caching=cache, cache_root=str(home / "cache"))
        try:
            task = components.load_component_from_file(str(compiled))(**arguments)
        except RuntimeError as error:
            raise recorder.failure(error) from None
    run.outputs = {name: Path(artifact.path) for name, artifact in task.outputs.items()}
    run.seconds = {name: round(seconds, 2) for name, seconds in recorder.seconds.items()}
    run.published = recorder.published
    run.total_seconds = round(time.monotonic() - began, 2)
    return run


@contextlib.contextmanager
def _runner(kind: Runner, loaded: LoadedSpec, directory: str, log: Path) -> Iterator[tuple[Any, Any]]:
    """What `kfp.local` runs tasks with, and how each task is placed for it."""
    if kind == "docker":
        from pipeline import docker

        sources = docker.source_folders([pattern for pattern, _ in loaded.spec.data.patterns()], loaded.folder)
        with docker.docker_runner(sources, [] if "://" in directory else [directory]) as runner:
            yield runner, docker.place
    else:
        with warm_process(log):
            from kfp import local

            from pipeline.steps import anywhere

            yield local.SubprocessRunner(use_venv=False), anywhere


@contextlib.contextmanager
def _progress_as_json():  # type: ignore[no-untyped-def]
    before = os.environ.get(ENVIRONMENT)
    os.environ[ENVIRONMENT] = "json"
    try:
        yield
    finally:
        if before is None:
            del os.environ[ENVIRONMENT]
        else:
            os.environ[ENVIRONMENT] = before


class _Recorder(io.TextIOBase):
    """Takes everything that kfp and the components print: a log a component, and events to the listener."""

    def __init__(self, folder: Path, listen: Listener) -> None:
        self.folder, self.listen = folder, listen
        self.seconds: dict[str, float] = {}
        self.published: str | None = None
        self._component = "pipeline"
        self._began = time.monotonic()
        self._failed: Event | None = None
        self._rest = ""
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def recording(self):  # type: ignore[no-untyped-def]
        """Redirects this process's output and logging here."""
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        handler = logging.StreamHandler(self)
        root.handlers, root.level = [handler], logging.INFO
        try:
            with contextlib.redirect_stdout(self), contextlib.redirect_stderr(self):
                yield
        finally:
            root.handlers, root.level = handlers, level

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._line(line)
        return len(text)

    def _line(self, line: str) -> None:
        if found := _EXECUTING.search(line):
            self._component, self._began = found[1], time.monotonic()
            self.listen("running", Event(self._component, "start"))
        elif found := _CACHED.search(line):
            self.listen("cached", Event(found[1], "done"))
        elif "finished with status" in line and f"'{self._component}'" in line:
            self.seconds[self._component] = time.monotonic() - self._began
        event = parse(line)
        if event is not None:
            if event.kind == "failed":
                self._failed = event
            elif event.component == "push" and event.kind == "done":
                self.published = str(event.fields["version"])
            self.listen("event", event)
        if line.strip():
            with (self.folder / f"{self._component}.log").open("a", encoding="utf-8") as log:
                log.write(line.rstrip() + "\n")

    def failure(self, error: Exception) -> RunFailed:
        """What went wrong, in the component's own words where it has any."""
        log = self.folder / f"{self._component}.log"
        if self._failed is not None:
            return RunFailed(self._failed.component, self._failed.message, log, told=True)
        return RunFailed(self._component, _last_words(log) or str(error), log, told=False)


def _last_words(log: Path) -> str:
    """The line of a traceback that says what happened."""
    try:
        lines = log.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ""
    starts = [index for index, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    if not starts:
        return ""
    depth = len(lines[starts[-1]]) - len(lines[starts[-1]].lstrip())
    ends = (line.strip() for line in lines[starts[-1] + 1 :] if line.strip() and line[depth : depth + 1] != " ")
    return next(ends, "")


def write_summary(run: Run, summary: dict[str, Any]) -> None:
    """Keeps a run's summary in its folder."""
    (run.folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
