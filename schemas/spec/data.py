"""The `data` section: where the rows are, how they are read, which split each belongs to."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.section import Section

SPLITS = ("train", "eval", "test")
PLACEHOLDER = re.compile(r"\{(YYYY|MM|DD|SPAN)(?::(\d+))?\}")
"""What stands for a span in a pattern; see `schemas.spans`."""
_BRACES = re.compile(r"\{[^}]*\}")
_PLACEHOLDERS = "{YYYY}, {MM} and {DD}, or {SPAN}"
SplitName = Literal["train", "eval", "test"]


class Csv(Section):
    """How the text of a CSV file is read (RFC 4180; quoted fields may hold newlines)."""

    header: bool = True
    """Whether the first record of each file names the columns."""
    columns: list[str] | None = None
    """The columns in order, for files without a header."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """One character between fields."""
    null_values: list[str] = ["", "NA", "NaN", "nan", "null", "NULL"]
    """Texts that mean "no value"."""

    @model_validator(mode="after")
    def _columns_or_header(self) -> Csv:
        if not self.header and not self.columns:
            raise ValueError("a CSV without a header needs `columns`: the names in the order of the fields")
        return self


class HashSplit(Section):
    """Split by a hash of key columns: a row stays in its split however many rows are added."""

    by: Literal["hash"]
    columns: Annotated[list[str], Field(min_length=1)]
    """The columns that identify what must stay together (a row id, a customer …)."""
    ratios: dict[SplitName, Annotated[float, Field(ge=0)]] = {"train": 0.8, "eval": 0.1, "test": 0.1}
    """Weights of the splits; they need not add up to 1."""

    @model_validator(mode="after")
    def _some_weight(self) -> HashSplit:
        if sum(self.ratios.values()) <= 0:
            raise ValueError("the ratios add up to 0; at least one split must have a weight")
        return self


class ColumnSplit(Section):
    """Split by the value of a column."""

    by: Literal["column"]
    column: str
    """The column that says which split a row belongs to."""
    values: dict[SplitName, list[str | int]]
    """The values of each split; a row with any other value is left out and counted."""


class TimeSplit(Section):
    """Split by time: older rows train, newer ones judge."""

    by: Literal["time"]
    column: str
    """A column that sorts by time: a number, or an ISO 8601 text."""
    eval_from: str | int | float
    """The first moment of eval; everything before it is train."""
    test_from: str | int | float
    """The first moment of test."""

    @model_validator(mode="after")
    def _in_order(self) -> TimeSplit:
        if isinstance(self.eval_from, str) != isinstance(self.test_from, str):
            raise ValueError("eval_from and test_from must both be texts or both be numbers")
        if not self.eval_from < self.test_from:  # type: ignore[operator]
            raise ValueError(f"eval_from {self.eval_from!r} must come before test_from {self.test_from!r}")
        return self


class SourceSplit(Section):
    """Each split has files of its own: `data.path` maps the split to them."""

    by: Literal["source"]


Split = Annotated[HashSplit | ColumnSplit | TimeSplit | SourceSplit, Field(discriminator="by")]


class Data(Section):
    """Where the rows come from and how they are divided."""

    path: str | list[str] | dict[SplitName, str | list[str]]
    """A file, a glob or several, relative to the spec; a mapping from split to files with `split: {by: source}`.
    {YYYY}, {MM} and {DD}, or {SPAN}, stand for the span that is read."""
    spans: Annotated[int, Field(ge=1)] = 1
    """How many spans are read: the one that is asked for, by default the newest there is, and those before it."""
    format: Literal["csv", "jsonl", "parquet", "tfrecord"]
    """How the files are written; each is a file in `schemas/formats`."""
    schema_path: str = Field(default="schema.pbtxt", alias="schema")
    """A tensorflow.metadata.v0.Schema as text proto, relative to the spec."""
    csv: Csv = Csv()
    """Options of the csv format."""
    require: list[str] = []
    """A row without a value in any of these columns is left out, and counted."""
    split: Split
    """How rows are divided between train, eval and test."""
    max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of rows that may fail to read before the run fails."""

    @model_validator(mode="after")
    def _path_fits_split(self) -> Data:
        if isinstance(self.path, dict) != isinstance(self.split, SourceSplit):
            raise ValueError("`path` is a mapping from split to files exactly when `split` is {by: source}")
        if isinstance(self.path, dict) and "train" not in self.path:
            raise ValueError("`path` names no files for the split 'train'")
        return self

    @model_validator(mode="after")
    def _spans_are_named(self) -> Data:
        kinds = set()
        for pattern, _ in self.patterns():
            named = {match[1] for match in PLACEHOLDER.finditer(pattern)}
            wrong = [text for text in _BRACES.findall(pattern) if not PLACEHOLDER.fullmatch(text)]
            if wrong:
                raise ValueError(f"path {pattern!r}: {wrong[0]} is no placeholder; there are {_PLACEHOLDERS}")
            if named not in (set(), {"SPAN"}, {"YYYY", "MM", "DD"}):
                raise ValueError(f"path {pattern!r} names a part of a span; write {_PLACEHOLDERS}")
            if named:
                kinds.add(frozenset(named))
        if len(kinds) > 1:
            raise ValueError(f"paths name spans by the day and by number; write one of {_PLACEHOLDERS} in all")
        if self.spans > 1 and not kinds:
            raise ValueError(f"`spans` is {self.spans}, but path names no span; write {_PLACEHOLDERS} in it")
        return self

    @property
    def names_spans(self) -> bool:
        """Whether the patterns stand for spans."""
        return any(PLACEHOLDER.search(pattern) for pattern, _ in self.patterns())

    def patterns(self) -> list[tuple[str, str | None]]:
        """Every (pattern, split) pair in the order of the spec; split is None where the rows decide."""
        if isinstance(self.path, dict):
            named = [(split, self.path[split]) for split in SPLITS if split in self.path]
            return [(p, split) for split, paths in named for p in ([paths] if isinstance(paths, str) else paths)]
        return [(p, None) for p in ([self.path] if isinstance(self.path, str) else self.path)]
