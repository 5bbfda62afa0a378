"""YAML that remembers where each key stood, so that an error can name its line."""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Any

import yaml

from schemas.errors import DataError, Mistake, SpecError

Path = tuple[str | int, ...]


class _UniqueKeyLoader(yaml.SafeLoader):
    """A SafeLoader for which `1e-5` is a number, as in YAML 1.2; the subclass keeps that from everyone else's."""


_UniqueKeyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def yaml_value(text: str) -> Any:
    """The plain value of a YAML text, read as a spec is.

    Raises:
        yaml.YAMLError: it is none.
    """
    return yaml.load(text, _UniqueKeyLoader)


class SourceMap:
    """The lines of a YAML text, by path of keys and list positions.

    Args:
        name: the file's name, as the user wrote it.
        text: the YAML text.

    Raises:
        SpecError: the text is not YAML, is not a mapping, or has a key twice.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._lines: dict[Path, int] = {}
        self._spans: dict[Path, tuple[int, int]] = {}
        self._duplicates: list[Mistake] = []
        loader = _UniqueKeyLoader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                self._walk(node, (), set())
            self.data: Any = loader.construct_document(node) if node is not None else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = mark.line + 1 if mark else 0
            column = f", column {mark.column + 1}" if mark else ""
            raise SpecError(name, [Mistake(line, "", f"not valid YAML{column}: {error.problem}")]) from None
        except (yaml.YAMLError, ValueError) as error:
            raise SpecError(name, [Mistake(0, "", f"not valid YAML: {error}")]) from None
        finally:
            loader.dispose()
        if self._duplicates:
            raise SpecError(name, self._duplicates)
        if not isinstance(self.data, dict):
            found = "an empty file" if self.data is None else type(self.data).__name__
            raise SpecError(name, [Mistake(1, "", f"found {found}; expected a mapping with the keys of a spec")])

    @classmethod
    def read(cls, path: FilePath) -> SourceMap:
        """The source map of a spec file; a file that cannot be read is a DataError."""
        try:
            return cls(str(path), path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{path}: no such file; expected a spec such as examples/flights/spec.yaml") from None
        except (IsADirectoryError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: not a text file ({error}); expected a YAML spec") from None

    def _walk(self, node: yaml.Node, path: Path, above: set[int]) -> None:
        if id(node) in above:
            raise yaml.YAMLError("an alias that contains itself")
        above = above | {id(node)}
        self._lines.setdefault(path, node.start_mark.line + 1)
        self._spans[path] = (node.start_mark.index, node.end_mark.index)
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key_node, value_node in node.value:
                key, line = key_node.value, key_node.start_mark.line + 1
                if not isinstance(key, str):
                    raise yaml.YAMLError(f"line {line}: a key must be plain text")
                if key in seen and key != "<<":
                    dotted = dotted_path((*path, key))
                    self._duplicates.append(Mistake(line, dotted, f"key given twice (first on line {seen[key]})"))
                seen[key] = line
                self._lines[(*path, key)] = line
                self._walk(value_node, (*path, key), above)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(item, (*path, index), above)

    def line(self, path: Path) -> int:
        """The 1-based line of `path`, or of its nearest ancestor that the text has."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def span(self, path: Path) -> tuple[int, int] | None:
        """Where the value at `path` begins and ends in the text; None where the text has none."""
        return self._spans.get(path)

    def value(self, path: Path) -> Any:
        """The plain value at `path`, or None where there is none."""
        value = self.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def mistake(self, path: Path, message: str) -> Mistake:
        """A `Mistake` at `path`."""
        return Mistake(self.line(path), dotted_path(path), message)


def dotted_path(path: Path) -> str:
    """`("model", "layers", 3, "units")` as `model.layers[3].units`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
