"""Where and how a task runs on a cluster: the `cluster` section of the spec, put on KFP's tasks."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, cast

from kfp import dsl, kubernetes

from pipeline.images import image
from schemas.engines import PROFILE, Profile
from schemas.spec import Spec
from schemas.spec.cluster import NEVER_CACHED, Cluster, Pod, Step

SCRATCH = "/tmp"
DATA_WORK: tuple[Step, ...] = ("ingest", "validate", "transform", "evaluate")


def place(task: dsl.PipelineTask, step: Step, cluster: Cluster, tag: Any) -> dsl.PipelineTask:
    """Puts the settings of a component's pod on its task.

    Args:
        task: KFP's.
        step: the component's room.
        cluster: the spec's section.
        tag: of the images, the pipeline's parameter.
    """
    pod = cluster.pod_of(step)
    name = pod.image.replace("{tag}", f"{tag}") if pod.image else image(step, f"{tag}", cluster.registry)
    task.set_container_image(name)
    task.set_caching_options(enable_caching=step not in NEVER_CACHED and pod.cache is not False)
    _resources(task, pod)
    _pod(task, pod)
    retries = pod.retries if pod.retries is not None else 2
    if retries and step not in ("resolve", "notify"):
        task.set_retry(retries, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="600s")
    return task


def on_engine(spec: Spec, profile: Profile | None) -> Spec:
    """The spec whose data components run where a profile says; their pods learn it from their environment."""
    if profile is None:
        return spec
    components = dict(spec.cluster.components)
    for step in DATA_WORK:
        pod = components.get(step, Pod())
        environment = {**pod.environment, PROFILE: profile.model_dump_json()}
        components[step] = pod.model_copy(update={"environment": environment})
    return spec.model_copy(update={"cluster": spec.cluster.model_copy(update={"components": components})})


def unreachable(spec: Spec) -> list[str]:
    """What a spec names that pods will not find: relative paths, where no volume is mounted for them."""
    folder = PurePosixPath(spec.cluster.folder)
    told = []
    for key, path, step in [
        *(("data.path", pattern, "ingest") for pattern, _ in spec.data.patterns()),
        ("push.directory", spec.push.directory, "push"),
    ]:
        mounts = [PurePosixPath(volume.mount) for volume in spec.cluster.pod_of(cast(Step, step)).volumes]
        place = folder / path
        if "://" not in path and not any(place.is_relative_to(mount) for mount in mounts):
            told.append(f"{key}: pods look for {path} at {place}, where no volume of `cluster` is mounted")
    return told


def _resources(task: dsl.PipelineTask, pod: Pod) -> None:
    if pod.cpu:
        task.set_cpu_request(pod.cpu).set_cpu_limit(pod.cpu)
    if pod.memory:
        task.set_memory_request(pod.memory).set_memory_limit(pod.memory)
    if pod.accelerator:
        task.set_accelerator_type(pod.accelerator).set_accelerator_limit(pod.accelerators)
    if pod.ephemeral_storage:
        kubernetes.empty_dir_mount(task, volume_name="scratch", mount_path=SCRATCH, size_limit=pod.ephemeral_storage)


def _pod(task: dsl.PipelineTask, pod: Pod) -> None:
    for key, value in pod.environment.items():
        task.set_env_variable(key, value)
    for key, value in pod.node_selector.items():
        kubernetes.add_node_selector(task, key, value)
    for toleration in pod.tolerations:
        kubernetes.add_toleration(
            task, key=toleration.key, operator=toleration.operator, value=toleration.value, effect=toleration.effect,
            toleration_seconds=toleration.seconds,
        )  # fmt: skip
    for secret in pod.secrets:
        if secret.env:
            kubernetes.use_secret_as_env(task, secret.name, {key: variable for variable, key in secret.env.items()})
        if secret.mount:
            kubernetes.use_secret_as_volume(task, secret.name, mount_path=secret.mount)
    for volume in pod.volumes:
        kubernetes.mount_pvc(task, volume.claim, volume.mount, sub_path=volume.sub_path)
    if pod.image_pull_policy:
        kubernetes.set_image_pull_policy(task, pod.image_pull_policy)
    if pod.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, pod.image_pull_secrets)
    if pod.timeout:
        kubernetes.set_timeout(task, pod.timeout)
    for key, value in pod.labels.items():
        kubernetes.add_pod_label(task, key, value)
    for key, value in pod.annotations.items():
        kubernetes.add_pod_annotation(task, key, value)
