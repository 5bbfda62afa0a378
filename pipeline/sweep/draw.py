"""The trials of a search on a cluster, drawn when the pipeline is compiled: they run side by side, and none learns from
another."""

from __future__ import annotations

import warnings
from typing import Any

import optuna

from pipeline.sweep.study import check_space, suggested, tried_value
from schemas.errors import DataError
from schemas.spec import LoadedSpec

SEARCHED = "model."


def drawn_trials(loaded: LoadedSpec, overrides: dict[str, str]) -> list[dict[str, Any]]:
    """What each trial of the spec's sweep tries, by dotted key; the same spec gives the same trials.

    Args:
        loaded: a spec that holds.
        overrides: `--set`.

    Raises:
        DataError: the spec has no sweep, or searches what is not the model's.
        SpecError: a value of the space is a mistake.
    """
    sweep = loaded.spec.sweep
    if sweep is None:
        raise DataError(f"{loaded.path}: has no `sweep` section; name the values to search under sweep.space")
    if others := [key for key in sweep.space if not key.startswith(SEARCHED)]:
        raise DataError(
            f"{loaded.path}: sweep.space.{others[0]}: on a cluster all trials share what transform wrote, so that only "
            f"keys of `model` are searched; search this one with latticework sweep"
        )
    check_space(loaded, overrides, sweep)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=loaded.spec.seed))
    trials: list[dict[str, Any]] = []
    # A small space is drawn whole before its trials are as many as asked for.
    for _ in range(20 * sweep.trials):
        asked = study.ask()
        tried = {key: tried_value(sweep, key, suggested(asked, key, sweep)) for key in sweep.space}
        if tried not in trials:
            trials.append(tried)
        if len(trials) == sweep.trials:
            break
    return trials
