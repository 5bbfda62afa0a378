"""A profile: which engine does the data work, and with which settings. The spec knows nothing of it.

A profile reaches a task through the environment, not as an argument: it changes where rows are counted, never what
comes out, so that KFP's cache answers whatever the engine was.
"""

from __future__ import annotations

import json
import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from schemas.engines.options import as_flags, option_mistakes
from schemas.errors import DataError, Mistake, SpecError, nearest
from schemas.section import Section, validate_section
from schemas.source_map import SourceMap

PROFILE = "LATTICEWORK_PROFILE"
"""The environment variable with the profile of a task, as JSON."""
PROFILES = Path(__file__).resolve().parents[2] / "profiles"
Scalar = str | int | float | bool


class Profile(Section):
    """Where data work runs.

    A subclass fixes `engine: Literal["name"]`, declares its settings as fields, and says which of Beam's options
    they become.
    """

    known: ClassVar[dict[str, type[Profile]]] = {}
    sets: ClassVar[Mapping[str, str]] = {}
    """By Beam's option, the key of the profile that sets it."""
    takes: ClassVar[frozenset[str]] = frozenset()
    """The engine's own options, which the Python SDK passes on without knowing them."""
    beam_classes: ClassVar[frozenset[str]] = frozenset()
    """The SDK's classes of options that are this engine's alone."""
    spread: ClassVar[bool] = True
    """Whether its workers are other processes, which see files of shared places alone."""

    engine: str
    options: dict[str, Scalar | list[Scalar]] = {}
    """More of Beam's pipeline options, by name."""
    scratch: str = ""
    """A folder that every worker sees, for temporary files: tf.Transform's and the model that is judged."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        annotation = cls.model_fields["engine"].annotation
        if typing.get_origin(annotation) is Literal:
            Profile.known[typing.get_args(annotation)[0]] = cls

    def settings(self, size: int) -> dict[str, Scalar | list[Scalar]]:
        """Beam's options that the engine and the profile's own keys make.

        Args:
            size: bytes that the job reads, 0 where that is not known.
        """
        raise NotImplementedError

    def of(self, component: str) -> Profile:
        """The profile as a component takes it."""
        return self

    def flags(self, size: int = 0) -> list[str]:
        """Beam's pipeline options as a command line has them; see `settings`."""
        return as_flags({**self.settings(size), **self.options})

    def check_reachable(self) -> None:
        """Looks whether the engine answers.

        Raises:
            DataError: it does not.
        """

    def mistakes(self, source: SourceMap) -> list[Mistake]:
        """What is wrong with `options`."""
        return [
            source.mistake(("options", name), message)
            for name, message in option_mistakes(self.options, type(self), Profile.known)
        ]


def read_profile(name: str | Path, beside: Path | None = None) -> Profile:
    """The profile of a file, or of a name: `profiles/<name>.yaml` beside the spec, or Latticework's own.

    Args:
        name: a file that ends in .yaml, or a name.
        beside: the spec's folder.

    Raises:
        DataError: there is none.
        SpecError: with all its mistakes.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        folders = [*([beside / "profiles"] if beside else []), PROFILES]
        there = [folder / f"{name}.yaml" for folder in folders if (folder / f"{name}.yaml").is_file()]
        if not there:
            names = {file.stem for folder in folders for file in folder.glob("*.yaml")}
            raise DataError(f"no profile '{name}'{nearest(str(name), names)} (a file is named with its .yaml)")
        path = there[0]
    elif not path.is_file():
        raise DataError(f"{path}: no such file; expected a profile such as profiles/flink.yaml")
    return load_profile(SourceMap.read(path), str(path))


def load_profile(source: SourceMap, name: str) -> Profile:
    """Checks a profile, its Beam options too.

    Args:
        source: its text.
        name: of the file, for messages.

    Raises:
        SpecError: with all its mistakes.
    """
    engine = source.data.get("engine")
    if not isinstance(engine, str) or engine not in Profile.known:
        found = "missing" if engine is None else f"found {engine!r}"
        message = f"{found}{nearest(str(engine), Profile.known)}"
        raise SpecError(name, [source.mistake(("engine",), message)])
    profile, mistakes = validate_section(Profile.known[engine], source.data, source, ())
    if profile is not None:
        mistakes = [*mistakes, *profile.mistakes(source)]
    if mistakes or profile is None:
        raise SpecError(name, mistakes)
    return profile


def engine_of_task(component: str) -> Profile:
    """The profile that the environment of this task names; the laptop's where it names none.

    Args:
        component: whose task it is.

    Raises:
        SpecError: it is not one.
    """
    text = os.environ.get(PROFILE, "")
    if not text:
        return Profile.known["direct"].model_validate({"engine": "direct"})
    try:
        json.loads(text)
    except ValueError:
        raise DataError(f"{PROFILE}: not JSON; expected a profile as `latticework compile --profile` sets it") from None
    return load_profile(SourceMap(PROFILE, text), PROFILE).of(component)
