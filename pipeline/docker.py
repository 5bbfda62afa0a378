"""The components in their images on this machine, through `kfp.local.DockerRunner`.

kfp 2.17's runner lets the engine remove a container as it ends and takes one that is gone for a success; here a
container stays until its exit status is read. Its mounts are the pipeline root alone; here also the source, as it is,
and the folder of published models.
"""

from __future__ import annotations

import codecs
import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException
from docker.types import Mount
from kfp import dsl, local
from kfp.local import docker_task_handler

from pipeline.images import image, image_tag
from schemas.errors import DataError
from schemas.progress import ENVIRONMENT

COMPONENTS = ("ingest", "validate", "transform", "train", "evaluate", "serve", "push")


def place(task: dsl.PipelineTask, component: str) -> dsl.PipelineTask:
    """Runs a task in its image of this machine."""
    return task.set_container_image(image(component, image_tag()))


@contextlib.contextmanager
def docker_runner(read: Iterable[str], written: Iterable[str]) -> Iterator[local.DockerRunner]:
    """A runner for `kfp.local.init` that runs as the caller, with a read-only root filesystem.

    Args:
        read: folders that the containers see as they are here, but cannot change.
        written: folders that they can write to; they are made where they are not there.

    Raises:
        DataError: no Docker engine answers, or an image is not built.
    """
    _check_images(image_tag())
    folders = list(written)
    for folder in folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
    mounts = [Mount(folder, folder, "bind") for folder in dict.fromkeys(folders)]
    mounts += [Mount(folder, folder, "bind", read_only=True) for folder in dict.fromkeys(read) if folder not in folders]
    before = docker_task_handler.run_docker_container
    docker_task_handler.run_docker_container = run_to_its_end
    try:
        yield local.DockerRunner(
            user=f"{os.getuid()}:{os.getgid()}", read_only=True, tmpfs={"/tmp": "exec"}, mounts=mounts,
            environment={ENVIRONMENT: "json"}, cap_drop=["ALL"], security_opt=["no-new-privileges"], entrypoint=[],
        )  # fmt: skip
    finally:
        docker_task_handler.run_docker_container = before


def run_to_its_end(client: docker.DockerClient, image: str, command: list[str], volumes: Any, **arguments: Any) -> int:
    """Runs a container, prints its output as it comes, and returns its exit status, which is read before it is removed.

    Args:
        client: of the engine.
        image: that is there, or can be pulled.
        command: of the container.
        volumes: by path here, as docker-py takes them.
        **arguments: more of `containers.run`.

    Raises:
        docker.errors.DockerException: the container cannot be started, or is gone before its status is read.
    """
    container = client.containers.create(image, command, detach=True, volumes=volumes, **arguments)
    try:
        container.start()
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for piece in container.logs(stream=True, follow=True):
            print(decoder.decode(piece), end="", flush=True)
        return int(container.wait()["StatusCode"])
    finally:
        container.remove(force=True)


def _check_images(tag: str) -> None:
    try:
        client = docker.from_env()
    except DockerException as error:
        raise DataError(f"no Docker engine answers ({error}); is it running, and DOCKER_HOST right?") from None
    with contextlib.closing(client):
        there = {name for found in client.images.list() for name in found.tags}
    if missing := [component for component in COMPONENTS if image(component, tag) not in there]:
        raise DataError(
            f"no image of {', '.join(missing)} with the tag {tag}, which is of the code as it is now; "
            f'build it: make images COMPONENTS="{" ".join(missing)}"'
        )


def source_folders(patterns: Iterable[str], folder: Path) -> list[str]:
    """The local folders that files or globs are below, without those that are in another of them.

    Args:
        patterns: files or globs; those on other filesystems (`s3://…`) are none.
        folder: where relative ones start.
    """
    found = set[Path]()
    for pattern in patterns:
        if "://" not in pattern:
            path = (folder / pattern).absolute()
            fixed = [part for part in path.parents if not any(sign in str(part) for sign in "*?[")]
            found.add(fixed[0])
    return sorted(str(path) for path in found if not any(other in path.parents for other in found))
