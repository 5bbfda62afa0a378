"""Beam's pipeline options: which there are, and what is wrong with those of a profile. Beam is imported when asked."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from schemas.errors import nearest

if TYPE_CHECKING:
    from schemas.engines.profile import Profile


class _Refused(Exception):
    """A value that an option does not take."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise _Refused(message)


def as_flags(options: Mapping[str, Any]) -> list[str]:
    """Options as a command line has them: true is the bare flag, false none, a list the flag again and again."""
    flags: list[str] = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            if one is True:
                flags.append(f"--{name}")
            elif one is not False:
                flags.append(f"--{name}={one}")
    return flags


def option_mistakes(
    options: Mapping[str, Any], engine: type[Profile], engines: Mapping[str, type[Profile]]
) -> list[tuple[str, str]]:
    """What is wrong with a profile's options: (name, message).

    Args:
        options: by name.
        engine: that they are for.
        engines: all, by name, to tell whose an option is.
    """
    if not options:
        return []
    by_class = _sdk_options()
    foreign = {
        option: name
        for name, other in engines.items()
        if other is not engine
        for option in _own(other, by_class) - _own(engine, by_class)
    }
    valid = {option for names in by_class.values() for option in names} - set(foreign) | engine.takes
    found = []
    for name, value in options.items():
        if name in engine.sets:
            found.append((name, f"conflicts with the profile's own key; write `{engine.sets[name]}`"))
        elif name not in valid and name in foreign:
            found.append((name, f"an option of the engine '{foreign[name]}'"))
        elif name not in valid:
            found.append((name, f"Beam has no such option{nearest(name, valid)}"))
        elif name not in engine.takes and (refused := _refused(name, value)):
            found.append((name, refused))
    return found


def _own(engine: type[Profile], by_class: Mapping[str, frozenset[str]]) -> set[str]:
    names = {option for cls in engine.beam_classes for option in by_class.get(cls, ())}
    return names | engine.takes


@functools.cache
def _sdk_options() -> dict[str, frozenset[str]]:
    """By the SDK's class, the names of its options."""
    return {
        name: frozenset(
            flag[2:] for action in parser._actions for flag in action.option_strings if flag.startswith("--")
        )
        for name, parser in _parsers().items()
    }


@functools.cache
def _parsers() -> dict[str, argparse.ArgumentParser]:
    from apache_beam.options.pipeline_options import PipelineOptions

    found: dict[str, argparse.ArgumentParser] = {}
    waiting = list(PipelineOptions.__subclasses__())
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if cls.__module__.startswith("apache_beam.") and "_add_argparse_args" in cls.__dict__:
            parser = _Parser(add_help=False, allow_abbrev=False)
            cls._add_argparse_args(parser)
            found[cls.__name__] = parser
    return found


def _refused(name: str, value: Any) -> str:
    """Why the option's parser does not take the value; empty where it does."""
    parser = next(p for c, p in _parsers().items() if name in _sdk_options()[c])
    try:
        parser.parse_args(as_flags({name: value}))
    except _Refused as error:
        return f"found {value!r}; {str(error).removeprefix(f'argument --{name}: ')}"
    return ""
