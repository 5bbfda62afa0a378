"""The spec: one YAML file that says what is trained on what, and when it is good enough."""

from schemas.spec.data import SPLITS, ColumnSplit, Csv, Data, HashSplit, SourceSplit, Split, TimeSplit
from schemas.spec.evaluation import Evaluation, Push, Threshold
from schemas.spec.load import LoadedSpec, json_schema, load_spec
from schemas.spec.model import EarlyStopping, Layer, Model, Optimizer, Output, Training
from schemas.spec.spec import Spec
from schemas.spec.transform import Transform
from schemas.spec.validation import Validation

__all__ = [
    "SPLITS",
    "ColumnSplit",
    "Csv",
    "Data",
    "EarlyStopping",
    "Evaluation",
    "HashSplit",
    "Layer",
    "LoadedSpec",
    "Model",
    "Optimizer",
    "Output",
    "Push",
    "SourceSplit",
    "Spec",
    "Split",
    "Threshold",
    "TimeSplit",
    "Training",
    "Transform",
    "Validation",
    "json_schema",
    "load_spec",
]
