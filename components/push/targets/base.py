"""What a target is: settings, a plan that can be read before anything happens, and its execution."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pydantic
import requests

from schemas.errors import DataError, UserError
from schemas.section import Section

TRIES, TIMEOUT_SECONDS = 4, 60


@dataclass(frozen=True)
class Published:
    """A version of the registry.

    Attributes:
        name: the model's name.
        version: its number.
        location: its folder, or URL.
        registry: the folder of published models, or its URL.
        about: its manifest.
    """

    name: str
    version: int
    location: str
    registry: str
    about: Mapping[str, Any]

    @property
    def metrics(self) -> dict[str, float]:
        """All metrics, named `output_metric`."""
        found: Mapping[str, Mapping[str, float]] = self.about.get("metrics", {})
        return {f"{output}_{name}": value for output, values in found.items() for name, value in values.items()}


class Target:
    """A system that takes a published version. A subclass is known by its `name`."""

    known: ClassVar[dict[str, type[Target]]] = {}
    name: ClassVar[str]
    settings: ClassVar[type[Section]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Target.known[cls.name] = cls

    def __init__(self, published: Published, given: Mapping[str, Any]) -> None:
        try:
            self.given: Any = self.settings.model_validate(dict(given))
        except pydantic.ValidationError as error:
            found = error.errors()[0]
            raise UserError(f"target {self.name}: {'.'.join(map(str, found['loc']))}: {found['msg']}") from None
        self.published = published

    def plan(self) -> list[dict[str, Any]]:
        """The documents that are sent, in order."""
        raise NotImplementedError

    def apply(self) -> Iterator[str]:
        """Sends them; a line for each thing that was made or changed."""
        raise NotImplementedError


def send(
    session: requests.Session, method: str, url: str, body: Mapping[str, Any] | None = None, *,
    allowed: tuple[int, ...] = (), params: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """Sends JSON and returns status and answer; tries again where the server is busy.

    Args:
        session: with its authorization.
        method, url: of the request.
        body: sent as JSON.
        allowed: statuses above 399 that are an answer, not an error.
        params: of the query.

    Raises:
        DataError: the server cannot be reached, or refuses.
    """
    for attempt in range(TRIES):
        try:
            answer = session.request(method, url, json=body, params=params, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise DataError(f"{url}: cannot be reached: {type(error).__name__}") from None
        if answer.status_code not in (429, 502, 503) or attempt == TRIES - 1:
            break
        time.sleep(2.0**attempt / 2)
    if answer.status_code >= 400 and answer.status_code not in allowed:
        raise DataError(f"{method} {url}: {answer.status_code}: {answer.text[:300]}")
    try:
        found = answer.json() if answer.content else {}
    except requests.JSONDecodeError:
        found = {}
    return answer.status_code, found if isinstance(found, dict) else {"items": found}


def bearer(token: str | None) -> requests.Session:
    """A session that says who asks."""
    session = requests.Session()
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    return session
