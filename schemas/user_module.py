"""The escape hatch: a function from a Python module that stands beside the spec.

The module's text travels with the pipeline as a parameter, so that a component in a
container runs the code that the spec was compiled with. Only the spec's author can name it.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.errors import DataError, nearest


def read_module(folder: Path, name: str) -> str:
    """The text of the module `name` (a file relative to `folder`)."""
    path = folder / name
    try:
        text = path.read_text(encoding="utf-8")
        compile(text, str(path), "exec")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; the spec names it as a module") from None
    except SyntaxError as error:
        raise DataError(f"{path}:{error.lineno}: not valid Python: {error.msg}") from None
    return text


def load_module(text: str, name: str) -> types.ModuleType:
    """Runs the module's text.

    Raises:
        DataError: it fails.
    """
    module = types.ModuleType(Path(name).stem)
    module.__file__ = name
    try:
        exec(compile(text, name, "exec"), module.__dict__)  # the user's own module, which the spec names
    except Exception as error:
        raise DataError(f"{name}: cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def load_function(text: str, name: str, function: str) -> Callable[..., Any]:
    """Runs the module's text and returns one of its functions.

    Raises:
        DataError: the module has no such function.
    """
    module = load_module(text, name)
    found = getattr(module, function, None)
    if not callable(found):
        known = [n for n, value in vars(module).items() if callable(value)]
        raise DataError(f"{name}: has no function '{function}'{nearest(function, known)}")
    return found  # type: ignore[no-any-return]
