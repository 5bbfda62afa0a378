"""This machine: Beam's in-process runner, or several of its processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.engines.profile import Profile, Scalar

# benchmarks/results/cluster.md: one process uses more than one core, and several take 2 to 7 s to start: on two cores
# they were never faster, up to 5,000,000 rows. From four cores on they are taken for large work (not measured yet).
FEWEST_CORES, FEWEST_BYTES = 4, 512 * 2**20


class Direct(Profile):
    """Beam on this machine."""

    sets: ClassVar[Mapping[str, str]] = {
        "runner": "engine", "direct_running_mode": "mode", "direct_num_workers": "workers",
    }  # fmt: skip
    beam_classes: ClassVar[frozenset[str]] = frozenset({"DirectOptions"})
    spread: ClassVar[bool] = False

    engine: Literal["direct"] = "direct"
    mode: Literal["auto", "in_memory", "multi_processing"] = "auto"
    """One process, several, or what measurements say for the size of the work and the cores."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Processes, where there are several; by default one a core."""

    def settings(self, size: int) -> dict[str, Scalar | list[Scalar]]:
        """See `Profile.settings`."""
        # Beam's in-process runner by its own name: `DirectRunner` may fetch another engine while it runs.
        runner: dict[str, Scalar | list[Scalar]] = {"runner": "FnApiRunner"}
        workers = self.workers or len(os.sched_getaffinity(0))
        if self.mode == "in_memory" or (self.mode == "auto" and not _worth_processes(size, workers)):
            return runner
        return {**runner, "direct_running_mode": "multi_processing", "direct_num_workers": workers}


def _worth_processes(size: int, workers: int) -> bool:
    return workers >= FEWEST_CORES and size >= FEWEST_BYTES


LAPTOP = Direct()
