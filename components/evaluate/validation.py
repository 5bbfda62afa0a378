"""The verdict as TFMA's ValidationResult, where `tfma.load_validation_result` finds it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2

from components.evaluate.slices import parts_of
from components.evaluate.verdict import Ruling, bound_of
from schemas.spec import Threshold


def validation_result(
    rulings: Sequence[Ruling], thresholds: Iterable[Threshold]
) -> validation_result_pb2.ValidationResult:
    """A ValidationResult with a failure for each rule that was broken."""
    bounds = {(rule.output, rule.metric, bound_of(rule)): rule for rule in thresholds}
    result = validation_result_pb2.ValidationResult(validation_ok=all(ruling.held for ruling in rulings))
    for name in dict.fromkeys(ruling.slice for ruling in rulings):
        broken = [ruling for ruling in rulings if ruling.slice == name and not ruling.held]
        if not broken:
            continue
        found = result.metric_validations_per_slice.add()
        for column, value in parts_of(name):
            found.slice_key.single_slice_keys.add(column=column, bytes_value=value.encode())
        for ruling in broken:
            failure = found.failures.add(message=f"{ruling.bound} does not hold. {ruling.note}".strip())
            failure.metric_key.name, failure.metric_key.output_name = ruling.metric, ruling.output
            failure.metric_threshold.CopyFrom(_threshold(bounds[ruling.output, ruling.metric, ruling.bound]))
            if ruling.value is not None:
                failure.metric_value.CopyFrom(metrics_for_slice_pb2.MetricValue(double_value={"value": ruling.value}))
    return result


def write_validation(result: validation_result_pb2.ValidationResult, folder: Path) -> None:
    """Writes it beside TFMA's own metrics."""
    with tf.io.TFRecordWriter(str(folder / "validations.tfrecord")) as writer:
        writer.write(result.SerializeToString())


def _threshold(rule: Threshold) -> config_pb2.MetricThreshold:
    threshold = config_pb2.MetricThreshold()
    if rule.at_least is not None:
        threshold.value_threshold.lower_bound.value = rule.at_least
    if rule.at_most is not None:
        threshold.value_threshold.upper_bound.value = rule.at_most
    if rule.change_at_least is not None:
        threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.absolute.value = rule.change_at_least
    elif rule.change_at_most is not None:
        threshold.change_threshold.direction = config_pb2.MetricDirection.LOWER_IS_BETTER
        threshold.change_threshold.absolute.value = rule.change_at_most
    return threshold
