"""What the commands that ask a cluster share: what is sent, where to, as whom."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.base import assigned, load
from pipeline.commands.profile import add_profile
from schemas.errors import UserError

if TYPE_CHECKING:
    from pipeline.compiled import Compiled
    from pipeline.kubeflow.connection import Endpoint
    from schemas.spec import LoadedSpec


def add_endpoint(command: argparse.ArgumentParser) -> None:
    """Adds where KFP is and who asks."""
    group = command.add_argument_group(
        "Kubeflow Pipelines",
        "A bearer token comes from LATTICEWORK_KFP_TOKEN or --token-file, cookies from LATTICEWORK_KFP_COOKIES.",
    )
    group.add_argument(
        "--host",
        default="",
        help="the API server's URL (default: KF_PIPELINES_ENDPOINT, then the kubeconfig's cluster)",
    )
    group.add_argument("--namespace", default="kubeflow", help="of the runs (default: kubeflow)")
    group.add_argument("--token-file", type=Path, help="a file with a token, such as a mounted service-account token")
    group.add_argument(
        "--kube-context", default="", help="of the kubeconfig, where there is no host (default: current)"
    )
    group.add_argument("--ca", type=Path, help="a file with the certificate authority of the host")


def add_vertex(command: argparse.ArgumentParser) -> None:
    """Adds where Vertex AI is."""
    group = command.add_argument_group("Vertex AI", "Credentials are those of the environment (gcloud auth).")
    group.add_argument("--vertex", action="store_true", help="Vertex AI Pipelines in place of Kubeflow's")
    group.add_argument("--project", help="the Google Cloud project (default: that of the credentials)")
    group.add_argument("--location", default="us-central1", help="the region (default: us-central1)")


def add_sent(command: argparse.ArgumentParser) -> None:
    """Adds what is sent and what this run has of its own."""
    command.add_argument("--image-tag", help="the tag of the images (default: that of `make images` with this code)")
    add_profile(command)
    command.add_argument("--sweep", action="store_true", help="the trials of the spec's sweep, side by side")
    command.add_argument("--root", help="where artifacts are kept (default: the spec's cluster.root)")
    command.add_argument("--service-account", help="of the run's pods (default: KFP's own)")
    command.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of the pipeline, such as span=2026-11-24 or seed=7; can be repeated",
    )  # fmt: skip
    command.add_argument("--description", default="", help="of the version that is uploaded")


def endpoint(options: argparse.Namespace) -> Endpoint:
    """The endpoint that a command was given."""
    from pipeline.kubeflow.connection import Endpoint

    return Endpoint(options.host, options.namespace, options.token_file, options.kube_context, options.ca)


@contextlib.contextmanager
def compiled(options: argparse.Namespace) -> Iterator[tuple[Compiled, LoadedSpec | None]]:
    """The compiled pipeline of a command, and its spec: `options.spec` is one, or was compiled before."""
    from pipeline.compiled import is_compiled, read_compiled

    if is_compiled(options.spec):
        if options.set:
            raise UserError(f"--set changes a spec; {options.spec} is compiled already: give --param")
        yield read_compiled(options.spec), None
        return
    from pipeline.commands.compile import write

    loaded = load(options)
    with tempfile.TemporaryDirectory(prefix="latticework-") as folder:
        path = Path(folder) / "pipeline.yaml"
        write(loaded, path, options)
        yield read_compiled(path), loaded


def arguments(options: argparse.Namespace, pipeline: Compiled, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """The parameters that a command was given, checked."""
    given = {**(more or {}), **assigned("--param", options.param, "NAME=VALUE", "span=2026-11-24")}
    if getattr(options, "image_tag", None):
        given.setdefault("image_tag", options.image_tag)
    return pipeline.arguments(given)
