"""What a batch prediction reads: any source that ingest reads, and the columns that are carried through."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.section import Section
from schemas.spec.data import Csv


class Prediction(Section):
    """Rows to predict, and what stays beside their predictions."""

    path: str | list[str]
    """A file, a glob or several, on any filesystem of Beam."""
    format: Literal["csv", "jsonl", "parquet", "tfrecord"]
    """How the files are written; each is a file in `schemas/formats`."""
    csv: Csv = Csv()
    """Options of the csv format."""
    keys: list[str] = []
    """Columns that are written beside the predictions, as they were read."""
    max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of rows that may fail to read before the run fails."""

    def patterns(self) -> list[tuple[str, str | None]]:
        """Every pattern; rows to predict are of no split."""
        return [(path, None) for path in ([self.path] if isinstance(self.path, str) else self.path)]
