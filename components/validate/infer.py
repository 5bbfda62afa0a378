"""A schema out of statistics: `python -m components.validate.infer TYPES EXAMPLES OUTPUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from tensorflow_metadata.proto.v0 import schema_pb2

from components.validate.statistics import SplitStats
from components.validate.worker import statistics
from schemas.dataset import TYPES, parse_schema, schema_text
from schemas.engines import LAPTOP
from schemas.progress import Progress
from schemas.running import reported


def infer_schema(stats: SplitStats, most_values: int = 100) -> schema_pb2.Schema:
    """A schema that the rows of `stats` keep: types, presence, and domains of texts with few values."""
    schema = schema_pb2.Schema()
    for name, column in stats.columns.items():
        feature = schema.feature.add(name=name, type=TYPES[column.kind])
        feature.presence.min_count = 1
        if column.missing == 0:
            feature.presence.min_fraction = 1.0
        if column.kind == "bytes" and column.present and column.unique() <= most_values:
            domain = schema.string_domain.add(name=name)
            domain.value.extend(sorted(value for value, _ in column.top_values(most_values * 2)))
            feature.domain = name
    return schema


if __name__ == "__main__":
    with reported("validate"):
        types, examples, target = sys.argv[1:]
        parsed = parse_schema(Path(types).read_text(encoding="utf-8"), types)
        splits = statistics(parsed, examples, LAPTOP, Progress("validate"))
        Path(target).write_text(schema_text(infer_schema(splits["train"])), encoding="utf-8")
