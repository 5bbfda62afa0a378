"""Which version is in service: the registry is looked at again and again, and a new champion takes over when warm."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.serve.loader import Servable
from schemas.errors import DataError
from schemas.registry import Registry

LOG = logging.getLogger("latticework.serve")


@dataclass(frozen=True)
class InService:
    """A version that answers, and what the registry knows of it."""

    servable: Servable
    about: dict[str, Any]


class Champion:
    """The version in service, always a whole and warm one.

    Args:
        registry: of the model.

    Raises:
        DataError: no version is in service, or it cannot be loaded.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        version = registry.champion()
        if version is None:
            raise DataError(f"{registry.place}: no version is in service; publish one: latticework run SPEC")
        self._stopped = threading.Event()
        self._refused: int | None = None
        self.changes: deque[tuple[float, int, str]] = deque(maxlen=50)
        self.now = self._load(version)

    def follow(self, seconds: float, told: Callable[[int], None]) -> None:
        """Looks at the pointer every so many seconds, in a thread of its own.

        Args:
            seconds: between two looks.
            told: called with the version that took over.
        """
        threading.Thread(target=self._follow, args=(seconds, told), daemon=True, name="champion").start()

    def stop(self) -> None:
        """Ends `follow`."""
        self._stopped.set()

    def look(self) -> bool:
        """Puts the registry's champion in service where it is another version; whether it was.

        A version that cannot be loaded does not take over: the one in service stays, until the pointer moves again.
        """
        try:
            wanted = self.registry.champion()
            if wanted is None or wanted in (self.now.servable.version, self._refused):
                return False
            found = self._load(wanted)
        except Exception as error:
            self._refused = wanted
            LOG.error("version %s does not take over: %s", wanted, error)
            self.changes.append((time.time(), wanted or 0, f"refused: {error}"))
            return False
        self._refused, self.now = None, found
        return True

    def _load(self, version: int) -> InService:
        with tempfile.TemporaryDirectory(prefix="latticework-") as folder:
            servable = Servable(self.registry.fetch(version, Path(folder)), version)
        servable.warm()
        self.changes.append((time.time(), version, "in service"))
        return InService(servable, self.registry.manifest(version))

    def _follow(self, seconds: float, told: Callable[[int], None]) -> None:
        while not self._stopped.wait(seconds):
            try:
                if self.look():
                    told(self.now.servable.version)
            except Exception as error:
                LOG.error("looking at %s: %s", self.registry.place, error)
