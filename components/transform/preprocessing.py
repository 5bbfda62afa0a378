"""The preprocessing graph that a spec's transform section describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas.errors import DataError
from schemas.graph import topological_order
from schemas.ops import Op
from schemas.spec import Transform

Preprocess = Callable[[Mapping[str, Any]], dict[str, Any]]


def preprocessing_fn(transform: Transform, user_function: Preprocess | None = None) -> Preprocess:
    """Builds tf.Transform's preprocessing_fn.

    Args:
        transform: the spec's transform section.
        user_function: the module's function, where the section names one.

    Returns:
        A function from columns (tensors [batch]) to features and labels (tensors [batch]).
    """

    def preprocess(columns: Mapping[str, Any]) -> dict[str, Any]:
        known = dict(columns)
        if transform.preprocessing is not None and user_function is not None:
            made = user_function(dict(columns))
            missing = set(transform.preprocessing.outputs) - set(made)
            if missing:
                where = f"{transform.preprocessing.module}: {transform.preprocessing.function}"
                raise DataError(f"{where} returned no '{min(missing)}', which transform.preprocessing.outputs names")
            known.update({name: made[name] for name in transform.preprocessing.outputs})
        return {**_apply(transform.features, known), **_apply(transform.labels, known)}

    return preprocess


def _apply(ops: Mapping[str, Op], known: Mapping[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    results: dict[str, Any] = {}
    order = topological_order({n: [s for s in op.sources(n) if s not in known] for n, op in ops.items()})
    for name in order:
        inputs = [known[read] if read in known else results[read] for read in ops[name].sources(name)]
        value = ops[name].apply(inputs, name)
        results[name] = tf.cast(value, tf.int64 if ops[name].kind == "id" else tf.float32)
    return results
