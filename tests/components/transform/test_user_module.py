from __future__ import annotations

import pyarrow.parquet as pq

from components.transform.worker import transform
from schemas.artifacts import split_parts
from schemas.spec import Transform

MODULE = """
def preprocessing_fn(inputs):
    return {"double": inputs["passenger_count"] * 2}
"""


def test_a_function_of_ones_own_runs_before_the_ops(artifacts, taxi_schema, tmp_path):
    section = Transform.model_validate({
        "preprocessing": {"module": "own.py", "outputs": ["double"]},
        "features": {"twice": {"op": "cast", "input": "double"}, "once": {"op": "cast", "input": "passenger_count"}},
        "labels": {"fare": {"op": "cast", "input": "fare_amount"}},
    })  # fmt: skip
    transform(section, taxi_schema, artifacts["examples"], tmp_path / "out", module=MODULE)
    table = pq.read_table(split_parts(tmp_path / "out", "test")[0], partitioning=None)
    assert [2 * v for v in table["once"].to_pylist()] == table["twice"].to_pylist()
