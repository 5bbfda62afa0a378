"""The study: which values are tried next, when a trial is ended early, what was found."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from pipeline.arguments import pipeline_arguments
from pipeline.warm import warm_process
from schemas.errors import DataError, SpecError, UserError
from schemas.source_map import SourceMap
from schemas.spec import Choice, LoadedSpec, Sweep, load_spec

Told = Callable[[optuna.trial.FrozenTrial], None]
# What a trial, which is neither judged nor published, does not depend on.
NOT_OF_TRAINING = (
    "spec", "directory", "champion", "origin", "evaluation_section", "evaluate_code", "serve_code",
)  # fmt: skip


@dataclass(frozen=True)
class Study:
    """A sweep of a spec, with what it found so far.

    Attributes:
        sweep: the spec's section.
        folder: of the sweep: trials.jsonl, and what is written of them.
        found: Optuna's study; a trial's `params` are by dotted key, choices by their position.
    """

    sweep: Sweep
    folder: Path
    found: optuna.Study

    def values(self, trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
        """What a trial tried, by dotted key."""
        return {key: tried_value(self.sweep, key, chosen) for key, chosen in trial.params.items()}

    @property
    def ended(self) -> list[optuna.trial.FrozenTrial]:
        """The trials that count, those that were ended early among them."""
        states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        return self.found.get_trials(deepcopy=False, states=states)

    @property
    def best(self) -> optuna.trial.FrozenTrial | None:
        """The best trial that was not ended early, or None."""
        with contextlib.suppress(ValueError):
            return self.found.best_trial
        return None


def open_study(loaded: LoadedSpec, overrides: dict[str, str], runs: Path) -> Study:
    """The sweep of a spec; one that was begun with the same spec, data and code is gone on with.

    Args:
        loaded: a spec that holds.
        overrides: `--set`.
        runs: the folder of runs.

    Raises:
        DataError: the spec has no sweep, or a key of its space is no place in it.
        SpecError: a value of the space is a mistake.
    """
    sweep = loaded.spec.sweep
    if sweep is None:
        raise DataError(f"{loaded.path}: has no `sweep` section; name the values to search under sweep.space")
    check_space(loaded, overrides, sweep)
    plain = pipeline_arguments(loaded)
    same = {key: value for key, value in plain.items() if key not in NOT_OF_TRAINING}
    searched = sweep.model_dump(mode="json", exclude={"trials", "parallel"})
    digest = hashlib.sha256(json.dumps([same, searched], sort_keys=True).encode()).hexdigest()[:12]
    folder = runs.resolve() / loaded.spec.name / "sweeps" / digest
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=sweep.warmup_epochs)
    found = optuna.create_study(
        study_name=digest, storage=JournalStorage(JournalFileBackend(str(folder / "trials.jsonl"))),
        load_if_exists=True, direction="minimize" if sweep.mode == "min" else "maximize",
        pruner=pruner if sweep.prune else optuna.pruners.NopPruner(),
    )  # fmt: skip
    # A sampler that begins anew with the same seed would try the same values again.
    seed = loaded.spec.seed + len(found.trials)
    found.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, max(3, sweep.trials // 3)))
    return Study(sweep, folder, found)


def run_study(study: Study, loaded: LoadedSpec, overrides: dict[str, str], runs: Path, told: Told) -> None:
    """Tries what is left to try.

    Args:
        study: the sweep.
        loaded: its spec.
        overrides: `--set`.
        runs: the folder of runs.
        told: called with each trial as it ends.

    Raises:
        UserError: a trial failed; the sweep can be gone on with.
    """
    done = [
        t for t in study.found.trials if t.state in (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    ]
    left = study.sweep.trials - len(done)
    if left <= 0:
        return

    def objective(trial: optuna.Trial) -> float:
        chosen = {key: suggested(trial, key, study.sweep) for key in study.sweep.space}
        tried = {key: as_yaml(tried_value(study.sweep, key, value)) for key, value in chosen.items()}
        return _try(trial, study.sweep, loaded.path, {**overrides, **tried}, runs)

    with contextlib.ExitStack() as stack:
        if study.sweep.parallel == 1:
            # It does one task at a time: for trials side by side each has its own.
            stack.enter_context(warm_process(study.folder / "warm.log"))
        study.found.optimize(
            objective, n_trials=left, n_jobs=study.sweep.parallel, callbacks=[lambda _, trial: told(trial)]
        )


def check_space(loaded: LoadedSpec, overrides: dict[str, str], sweep: Sweep) -> None:
    """Every value at an edge of the space gives a spec that holds."""
    mistakes = []
    source = SourceMap.read(loaded.path)
    for key, space in sweep.space.items():
        for value in space.edges():
            at = ("sweep", "space", key)
            try:
                load_spec(loaded.path, {**overrides, key: as_yaml(value)})
            except SpecError as error:
                mistakes += [source.mistake(at, f"{value!r} gives {m.key}: {m.message}") for m in error.mistakes]
            except DataError as error:
                mistakes.append(source.mistake(at, str(error)))
    if mistakes:
        raise SpecError(str(loaded.path), mistakes)


def as_yaml(value: Any) -> str:
    """A value as it stands in a spec."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()


def suggested(trial: optuna.Trial, key: str, sweep: Sweep) -> Any:
    """What a trial is given to try: a number, or the position of a choice."""
    space = sweep.space[key]
    if isinstance(space, Choice):
        return trial.suggest_categorical(key, list(range(len(space.choices))))
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(key, space.low, space.high, log=space.log, step=int(space.step or 1))
    return trial.suggest_float(key, space.low, space.high, log=space.log, step=space.step)


def tried_value(sweep: Sweep, key: str, chosen: Any) -> Any:
    """What is tried, as it stands in the spec."""
    space = sweep.space[key]
    if isinstance(space, Choice):
        return space.choices[chosen]
    # Four digits are enough, and what a person would write.
    return float(f"{chosen:.4g}") if isinstance(chosen, float) else chosen


def _try(trial: optuna.Trial, sweep: Sweep, spec: Path, overrides: dict[str, str], runs: Path) -> float:
    """Runs a trial and returns the best value of its epochs; one that is hopeless is ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.sweep.trial"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    better = min if sweep.mode == "min" else max
    best: float | None = None
    try:
        json.dump({"spec": str(spec), "overrides": overrides, "runs": str(runs)}, process.stdin)
        process.stdin.close()
        for line in process.stdout:
            told = json.loads(line)
            if "failed" in told:
                raise UserError(f"trial {trial.number} failed: {told['failed']}")
            if "epoch" in told:
                value = told["logs"][sweep.monitor]
                best = value if best is None else better(best, value)
                trial.report(best, told["epoch"])
                if trial.should_prune():
                    raise optuna.TrialPruned
            else:
                best = better(told["history"][sweep.monitor])
                trial.set_user_attr("parameters", told["parameters"])
                trial.set_user_attr("epochs", len(told["history"][sweep.monitor]))
        if process.wait() or best is None:
            raise UserError(f"trial {trial.number} failed: {(process.stderr.read().strip().splitlines() or ['?'])[-1]}")
        return best
    finally:
        # The pipeline's tasks are in the trial's session; the warm process ends with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()
