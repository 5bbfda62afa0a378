"""Google Cloud Dataflow; see https://cloud.google.com/dataflow/docs/reference/pipeline-options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.engines.profile import Profile, Scalar

Bucket = Annotated[str, Field(pattern=r"^gs://.+")]


class Dataflow(Profile):
    """Beam on Dataflow, its workers in our image."""

    sets: ClassVar[Mapping[str, str]] = {
        "runner": "engine", "project": "project", "region": "region", "temp_location": "temp_location",
        "staging_location": "temp_location", "sdk_container_image": "image", "sdk_location": "image",
        "service_account_email": "service_account", "machine_type": "machine_type",
        "worker_machine_type": "machine_type",
        "max_num_workers": "max_workers", "subnetwork": "subnetwork",
    }  # fmt: skip
    beam_classes: ClassVar[frozenset[str]] = frozenset()

    engine: Literal["dataflow"] = "dataflow"
    project: str
    """The project that runs the jobs."""
    region: str
    """Where: europe-west1."""
    temp_location: Bucket
    """A folder of a bucket for staged and temporary files."""
    image: str
    """The image of the workers: a component's, with Beam's SDK entry point (see docs/on-a-cluster.md)."""
    service_account: str | None = None
    """Whom the workers act as; by default Compute Engine's account."""
    machine_type: str = "n2-standard-4"
    """Of a worker."""
    max_workers: Annotated[int, Field(ge=1)] = 10
    """The most workers that autoscaling starts."""
    subnetwork: str | None = None
    """The subnetwork's URL; with it workers have no public address."""

    def settings(self, size: int) -> dict[str, Scalar | list[Scalar]]:
        """See `Profile.settings`."""
        found: dict[str, Scalar | list[Scalar]] = {
            "runner": "DataflowRunner", "project": self.project, "region": self.region,
            "temp_location": self.temp_location, "staging_location": f"{self.temp_location.rstrip('/')}/staging",
            "sdk_container_image": self.image, "sdk_location": "container", "machine_type": self.machine_type,
            "max_num_workers": self.max_workers,
        }  # fmt: skip
        if self.service_account is not None:
            found["service_account_email"] = self.service_account
        if self.subnetwork is not None:
            found |= {"subnetwork": self.subnetwork, "no_use_public_ips": True}
        return found
