"""The `validate` section: what the data must be before anything is trained on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.section import Section

Severity = Literal["warning", "error"]


class Validation(Section):
    """Which anomalies stop the pipeline, and how far splits may drift apart."""

    stop_at: Literal["warning", "error", "never"] = "error"
    """Anomalies of this severity or above stop the pipeline."""
    split_skew: Annotated[float, Field(gt=0, le=1)] = 0.2
    """The largest L-infinity distance between a column's value distribution in train and in another split."""
    skew_severity: Severity = "warning"
    """How grave a skew between splits is."""
    unexpected_column: Severity = "warning"
    """How grave a column that the schema does not know is."""
