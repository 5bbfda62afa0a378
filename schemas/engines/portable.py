"""Engines behind a Beam job server: the pipeline is sent there, Python's part of it runs in worker pools.

The SDK talks to each the same way (Beam's Job API); what differs is the server and the options it takes.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.engines.profile import Profile, Scalar
from schemas.errors import DataError

Address = Annotated[str, Field(pattern=r"^[^\s:/]+:\d+$")]

FLINK_OPTIONS = frozenset({
    "allow_non_restored_state", "auto_balance_write_files_sharding_enabled", "auto_watermark_interval",
    "checkpoint_timeout_millis", "checkpointing_interval", "checkpointing_mode", "disable_metrics",
    "enable_stable_input_draining", "execution_mode_for_batch", "execution_retry_delay",
    "externalized_checkpoints_enabled", "fail_on_checkpointing_errors", "faster_copy", "file_input_split_max_size_m_b",
    "finish_bundle_before_checkpointing", "force_unaligned_checkpoint_enabled", "job_check_interval_in_secs",
    "latency_tracking_interval", "max_bundle_size", "max_bundle_time_mills", "min_pause_between_checkpoints",
    "num_concurrent_checkpoints", "number_of_execution_retries", "object_reuse", "operator_chaining",
    "re_iterable_group_by_key_result", "report_checkpoint_duration", "retain_externalized_checkpoints_on_cancellation",
    "savepoint_path", "shutdown_sources_after_idle_ms", "state_backend", "state_backend_factory",
    "state_backend_storage_path", "unaligned_checkpoint_enabled",
})  # fmt: skip
"""See https://beam.apache.org/documentation/runners/flink/."""
SPARK_OPTIONS = frozenset({
    "bundle_size", "cache_disabled", "disable_metrics", "prefer_group_by_key_to_handle_huge_values", "storage_level",
})  # fmt: skip
"""See https://beam.apache.org/documentation/runners/spark/."""


class Portable(Profile):
    """An engine behind a job server."""

    pool_is_here: ClassVar[bool] = False
    """Whether the worker pool must answer the process that sends the job, not the engine alone."""

    sets: ClassVar[Mapping[str, str]] = {
        "runner": "engine", "job_endpoint": "job_endpoint", "artifact_endpoint": "artifact_endpoint",
        "environment_type": "worker_pool", "environment_config": "worker_pool",
    }  # fmt: skip

    job_endpoint: Address
    """Host and port of the job server."""
    artifact_endpoint: Address | None = None
    """Host and port of its artifact service, where the job server does not tell the right one."""
    worker_pool: Address = "localhost:50000"
    """Where an executor of the engine finds its worker pool: beside it, in a sidecar."""
    worker_pools: dict[Literal["ingest", "validate", "transform", "evaluate", "predict"], Address] = {}
    """By component, that of its own image; `worker_pool` is of the others."""

    def of(self, component: str) -> Profile:
        """See `Profile.of`."""
        own = [address for name, address in self.worker_pools.items() if name == component]
        return self.model_copy(update={"worker_pool": (own or [self.worker_pool])[0], "worker_pools": {}})

    def settings(self, size: int) -> dict[str, Scalar | list[Scalar]]:
        """See `Profile.settings`."""
        named: dict[str, Scalar | list[Scalar]] = {
            "runner": "PortableRunner", "job_endpoint": self.job_endpoint, "environment_type": "EXTERNAL",
            "environment_config": self.worker_pool,
        }  # fmt: skip
        if self.artifact_endpoint is not None:
            named["artifact_endpoint"] = self.artifact_endpoint
        return named

    def check_reachable(self) -> None:
        """See `Profile.check_reachable`."""
        host, _, port = self.job_endpoint.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(
                f"job_endpoint {self.job_endpoint}: no Beam job server answers there ({reason}); "
                f"start one for {self.engine}, or name another in the profile"
            ) from None


class Prism(Portable):
    """Beam's Prism, a job server and engine of one machine: the same way as a cluster's, tried on a laptop."""

    beam_classes: ClassVar[frozenset[str]] = frozenset({"PrismRunnerOptions"})
    pool_is_here: ClassVar[bool] = True
    engine: Literal["prism"] = "prism"
    job_endpoint: Address = "localhost:8073"


class Flink(Portable):
    """Apache Flink through Beam's Flink job server."""

    sets: ClassVar[Mapping[str, str]] = {**Portable.sets, "parallelism": "parallelism"}
    beam_classes: ClassVar[frozenset[str]] = frozenset({"FlinkRunnerOptions"})
    takes: ClassVar[frozenset[str]] = FLINK_OPTIONS
    engine: Literal["flink"] = "flink"
    job_endpoint: Address = "localhost:8099"
    parallelism: Annotated[int, Field(ge=1)] | None = None
    """Slots that a job takes; by default what the cluster says."""

    def settings(self, size: int) -> dict[str, Scalar | list[Scalar]]:
        """See `Profile.settings`."""
        more: dict[str, Scalar | list[Scalar]] = {"parallelism": self.parallelism} if self.parallelism else {}
        return {**super().settings(size), **more}


class Spark(Portable):
    """Apache Spark 3 through Beam's Spark job server."""

    beam_classes: ClassVar[frozenset[str]] = frozenset({"SparkRunnerOptions"})
    takes: ClassVar[frozenset[str]] = SPARK_OPTIONS
    engine: Literal["spark"] = "spark"
    job_endpoint: Address = "localhost:8099"
