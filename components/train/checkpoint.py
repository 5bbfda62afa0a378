"""Where training on several workers goes on from when one was lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from components.train.loop import Part
from schemas.spec.training import Checkpoints

_STOPPING = ("best", "wait", "best_epoch", "stopped_epoch")


@dataclass
class State:
    """How far training is.

    Attributes:
        epoch: complete epochs.
        step: complete steps of the one that is under way.
        loss: the sum of its rows' loss so far.
        rows: how many these are.
        history: by metric, a value for each complete epoch.
    """

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    rows: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)

    def begin_epoch(self) -> None:
        """The one that was under way is complete."""
        self.epoch, self.step, self.loss, self.rows = self.epoch + 1, 0, 0.0, 0


class Checkpoint:
    """The newest checkpoint of one training.

    Args:
        folder: where it is kept; every worker sees it.
        settings: how often it is written.
        identity: what is trained, on what: a checkpoint of anything else is not taken.
    """

    def __init__(self, folder: Path, settings: Checkpoints, identity: str) -> None:
        self.folder, self.settings, self.identity = folder, settings, identity
        self._since = 0

    def due(self, steps: int) -> bool:
        """Whether enough steps were made since the last; `steps` more were."""
        self._since += steps
        if self._since < self.settings.steps:
            return False
        self._since = 0
        return True

    def save(
        self, state: State, fitted: keras.Model, parts: Sequence[Part],
        stopping: keras.callbacks.EarlyStopping | None,
    ) -> None:  # fmt: skip
        """Writes all that training goes on from, whole or not at all."""
        temporary = self.folder.with_name(f"{self.folder.name}.{os.getpid()}.partial")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        arrays = {f"v{index}": np.asarray(variable) for index, variable in enumerate(_variables(fitted, parts))}
        kept: dict[str, Any] = {"identity": self.identity, "state": asdict(state), "stopping": None}
        if stopping is not None:
            kept["stopping"] = {name: _plain(getattr(stopping, name)) for name in _STOPPING}
            best = stopping.best_weights
            arrays |= {f"best{index}": value for index, value in enumerate(best or [])}
        np.savez(temporary / "variables.npz", **arrays)
        (temporary / "state.json").write_text(json.dumps(kept), encoding="utf-8")
        place = self.folder / f"{state.epoch:05d}-{state.step:09d}"
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary.replace(place)
        for other in self.folder.iterdir():
            if other != place:
                shutil.rmtree(other, ignore_errors=True)

    def restore(
        self, fitted: keras.Model, parts: Sequence[Part], stopping: keras.callbacks.EarlyStopping | None
    ) -> State:
        """Sets everything as it was when the newest was written; a new state where there is none."""
        found = sorted(self.folder.glob("*/state.json"))
        kept = json.loads(found[-1].read_text(encoding="utf-8")) if found else {}
        if kept.get("identity") != self.identity:
            return State()
        arrays = np.load(found[-1].parent / "variables.npz", allow_pickle=False)
        for index, variable in enumerate(_variables(fitted, parts)):
            variable.assign(arrays[f"v{index}"])
        if stopping is not None and kept["stopping"] is not None:
            for name, value in kept["stopping"].items():
                setattr(stopping, name, value)
            count = sum(name.startswith("best") for name in arrays)
            stopping.best_weights = [arrays[f"best{index}"] for index in range(count)] or None
        return State(**kept["state"])

    def remove(self) -> None:
        """Training is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _variables(fitted: keras.Model, parts: Sequence[Part]) -> list[keras.Variable]:
    return [*fitted.variables, *(variable for part in parts for variable in part.optimizer.variables)]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, (float, np.floating)) else int(value) if value is not None else None
