"""The whole spec."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.section import Section
from schemas.spec.cluster import Cluster
from schemas.spec.data import Data
from schemas.spec.evaluation import Evaluation, Push
from schemas.spec.model import Model
from schemas.spec.schedule import Schedule
from schemas.spec.sweep import Sweep
from schemas.spec.transform import Transform
from schemas.spec.validation import Validation


class Spec(Section):
    """Data, features, model, judgement and publication of one model, in one YAML file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    """The model's name: lower-case letters, digits and hyphens."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    """Everything random takes its seed from this."""
    data: Data
    """Where the rows come from."""
    validation: Validation = Field(default=Validation(), alias="validate")
    """What the data must be."""
    transform: Transform
    """What is made of it."""
    model: Model
    """What is trained."""
    evaluate: Evaluation = Evaluation()
    """When it is good enough."""
    push: Push = Push()
    """Where it is published."""
    cluster: Cluster = Cluster()
    """How it runs on Kubeflow Pipelines."""
    schedule: Schedule | None = None
    """When it is trained anew."""
    sweep: Sweep | None = None
    """Which of its values `latticework sweep` searches."""
