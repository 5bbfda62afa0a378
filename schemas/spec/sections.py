"""One section of a spec file, for a component that is run alone and knows no other room's part."""

from __future__ import annotations

import json
from pathlib import Path

from schemas.dataset import read_schema, schema_text
from schemas.errors import SpecError
from schemas.section import SectionType, validate_section
from schemas.source_map import SourceMap
from schemas.spec.transform import Transform, op_mistakes, read_lists
from schemas.user_module import read_module


class SpecFile:
    """A spec file, read a section at a time.

    Args:
        path: the YAML file.

    Raises:
        DataError, SpecError: it cannot be read, or is no YAML mapping.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.folder = path, path.parent
        self._source = SourceMap.read(path)

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self._source.data.get("name", "model"))

    @property
    def seed(self) -> int:
        """The seed."""
        return int(self._source.data.get("seed", 1))

    @property
    def schema(self) -> str:
        """The dataset schema that the spec names, as text proto."""
        name = self._source.value(("data", "schema")) or "schema.pbtxt"
        return schema_text(read_schema(self.folder / str(name)))

    @property
    def as_json(self) -> str:
        """The whole spec."""
        return json.dumps(self._source.data)

    def section(self, key: str, cls: type[SectionType]) -> SectionType:
        """The section `key`; SpecError with all its mistakes where it has any."""
        data = self._source.data.get(key, {})
        unreadable = read_lists(data, self._source, (key,), self.folder) if issubclass(cls, Transform) else []
        section, mistakes = validate_section(cls, data, self._source, (key,))
        if issubclass(cls, Transform):
            mistakes = [m for m in mistakes if m.key in (key, f"{key}.features", f"{key}.labels")]
            mistakes += op_mistakes(data, self._source, (key,)) + unreadable
        if mistakes or section is None:
            raise SpecError(str(self.path), mistakes)
        return section

    def module(self, name: str) -> str:
        """The text of a module beside the spec, as JSON."""
        return json.dumps(read_module(self.folder, name))
