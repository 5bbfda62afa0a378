"""Pipelines and their versions: a version is named by what is in it, so that the same file is uploaded once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.kubeflow.connection import Kubeflow


@dataclass(frozen=True)
class Version:
    """A version of a pipeline on the server.

    Attributes:
        pipeline_id, version_id: the server's ids.
        name: of the version.
        new: whether it was uploaded now.
    """

    pipeline_id: str
    version_id: str
    name: str
    new: bool


def upload(kubeflow: Kubeflow, file: Path, name: str, description: str) -> Version:
    """Uploads a compiled pipeline as a version of the pipeline `name`, unless that version is there.

    Args:
        kubeflow: a connection.
        file: what `latticework compile` wrote.
        name: of the pipeline, made where it is not there.
        description: of the version.

    Raises:
        Refused: the server does not take it.
    """
    client = kubeflow.client
    version_name = f"{name}-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"
    pipeline_id = kubeflow.ask(f"pipeline '{name}'", client.get_pipeline_id, name)
    if pipeline_id is None:
        made = kubeflow.ask(
            f"upload of pipeline '{name}'", client.upload_pipeline, str(file), pipeline_name=name,
            description=description, namespace=kubeflow.namespace,
        )  # fmt: skip
        # The upload makes a first version under the pipeline's own name; the one by digest is what runs refer to.
        pipeline_id = made.pipeline_id
    known = kubeflow.all_pages(
        "versions of the pipeline", "pipeline_versions", client.list_pipeline_versions, pipeline_id
    )
    for version in known:
        if version.display_name == version_name:
            return Version(pipeline_id, version.pipeline_version_id, version_name, new=False)
    made = kubeflow.ask(
        f"upload of version '{version_name}'", client.upload_pipeline_version, str(file), version_name,
        pipeline_id=pipeline_id, description=description,
    )  # fmt: skip
    return Version(pipeline_id, made.pipeline_version_id, version_name, new=True)
