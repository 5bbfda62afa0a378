"""The spec: one YAML file that says what is trained on what, and when it is good enough."""

from schemas.spec.data import SPLITS, ColumnSplit, Csv, Data, HashSplit, SourceSplit, Split, TimeSplit
from schemas.spec.evaluation import Evaluation, Push, Threshold
from schemas.spec.layers import Block, Layer
from schemas.spec.load import LoadedSpec, json_schema, load_spec
from schemas.spec.model import Model
from schemas.spec.outputs import Output
from schemas.spec.spec import Spec
from schemas.spec.sweep import Choice, Range, Sweep
from schemas.spec.training import EarlyStopping, Optimizer, Training
from schemas.spec.transform import Transform
from schemas.spec.validation import Validation

__all__ = [
    "SPLITS",
    "Block",
    "Choice",
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
    "Range",
    "SourceSplit",
    "Spec",
    "Split",
    "Sweep",
    "Threshold",
    "TimeSplit",
    "Training",
    "Transform",
    "Validation",
    "json_schema",
    "load_spec",
]
