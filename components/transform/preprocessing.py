"""The preprocessing graph that a spec's transform section describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from components.transform.analyses import analyse
from components.transform.ops.missing import as_float
from schemas.errors import DataError
from schemas.graph import topological_order
from schemas.ops import MEAN, Analysis, Figures, Op
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


@dataclass(frozen=True)
class _Step:
    """Something to compute once what it reads is there and what it asks of the train split is known."""

    writes: str
    reads: list[str]
    analyses: tuple[Analysis, ...]
    make: Callable[[list[Any], Figures], Any]


def _apply(ops: Mapping[str, Op], known: Mapping[str, Any]) -> dict[str, Any]:
    """Computes all ops; those that ask something of the train split wait for each other and ask together."""
    import tensorflow as tf

    order = topological_order({n: [s for s in op.sources(n) if s not in known] for n, op in ops.items()})
    waiting = [step for name in order for step in _steps(name, ops[name])]
    values = dict(known)

    def ready(step: _Step) -> bool:
        return all(read in values for read in step.reads)

    def compute(step: _Step, figures: Figures) -> None:
        values[step.writes] = step.make([values[read] for read in step.reads], figures)

    while waiting:
        asking = []
        for step in waiting:
            if ready(step) and not step.analyses:
                compute(step, {})
            else:
                asking.append(step)
        together = [step for step in asking if ready(step)]
        found = analyse([(as_float(values[step.reads[0]]), step.analyses) for step in together])
        for step, figures in zip(together, found, strict=True):
            compute(step, figures)
        waiting = [step for step in asking if step not in together]
    return {
        name: tf.cast(
            values[_filled(name) if op.leaves_missing else name],
            tf.int64 if op.kind in ("id", "ids") else tf.float32,
        )
        for name, op in ops.items()
    }


def _steps(name: str, op: Op) -> list[_Step]:
    steps = [_Step(name, op.sources(name), op.analyses(), partial(_named, op, name))]
    if op.leaves_missing:
        steps.append(_Step(_filled(name), [name], (MEAN,), _fill))
    return steps


def _named(op: Op, name: str, inputs: list[Any], figures: Figures) -> Any:
    return op.apply(inputs, name, figures)


def _fill(inputs: list[Any], figures: Figures) -> Any:
    import tensorflow as tf

    return tf.where(tf.math.is_nan(inputs[0]), figures[MEAN], inputs[0])


def _filled(name: str) -> str:
    return f"{name} (filled)"
