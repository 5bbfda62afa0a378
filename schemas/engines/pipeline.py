"""A Beam pipeline on the engine of a profile, and its failures in a user's words."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import apache_beam as beam
import grpc
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.version import __version__ as beam_version

from schemas import __version__
from schemas.engines.portable import Portable
from schemas.engines.profile import Profile
from schemas.errors import DataError

CHECKS = "latticework.WorkerPool"
"""The service of a worker pool that says whether its workers fit; see `worker_pool`."""
POOL_REFUSES = "latticework worker pool: "
_REFUSED = re.compile(re.escape(POOL_REFUSES) + r"(.*?)(?=\\n|\n|\"|$)")
_OF_A_USER = re.compile(r"schemas\.errors\.(?:DataError|UserError): (.*?)(?: \[while running|\n\n|\\n\\n|$)", re.S)
_NO_WORKER = re.compile(r"didn't get control connection|Timed out.*waiting for.*(?:control|instruction)|StartWorker")


class ClientOptions(PipelineOptions):  # type: ignore[misc]
    """What a job says of the process that built it, so that a worker of another version can refuse it."""

    @classmethod
    def _add_argparse_args(cls, parser) -> None:  # type: ignore[no-untyped-def]
        parser.add_argument("--latticework_client", default="", help="versions of the process that built the job")


def versions() -> str:
    """Of Python, Beam and Latticework: what both ends of a job must have the same."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"Python {python}, Beam {beam_version}, Latticework {__version__}"


def size_of(paths: Iterable[str]) -> int:
    """Bytes of local files; those of other filesystems count as none."""
    return sum(os.path.getsize(path) for path in paths if "://" not in path and os.path.exists(path))


@contextlib.contextmanager
def data_pipeline(engine: Profile, size: int = 0) -> Iterator[beam.Pipeline]:
    """A pipeline that runs when the block ends.

    Args:
        engine: of the profile.
        size: bytes that it reads, which decide how many processes are worth it.

    Raises:
        DataError: the engine does not answer or has no worker that fits, or a worker met a user's mistake.
    """
    engine.check_reachable()
    if isinstance(engine, Portable):
        _ask_pool(engine)
    flags = engine.flags(size)
    if engine.spread:
        # Beam asks pip what is installed here, which no worker looks at.
        no_pip = "--experiments=disable_logging_submission_environment"
        flags += [f"--latticework_client={versions()}", no_pip]
    options = PipelineOptions(flags)
    try:
        with beam.Pipeline(options=options) as pipeline:
            yield pipeline
    except (RuntimeError, grpc.RpcError) as error:
        if engine.spread and (told := _in_words(str(error), engine)):
            raise DataError(told) from None
        raise


def _ask_pool(engine: Portable) -> None:
    """Asks the worker pool, where it can be reached from here, whether its workers fit."""
    with grpc.insecure_channel(engine.worker_pool) as channel:
        try:
            told = channel.unary_unary(f"/{CHECKS}/Check")(versions().encode(), timeout=60)
        except grpc.RpcError as error:
            if engine.pool_is_here and error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise DataError(
                    f"worker_pool {engine.worker_pool}: nothing answers there; start one in the components' "
                    f"environment: python -m schemas.engines.worker_pool --port {engine.worker_pool.rpartition(':')[2]}"
                ) from None
            return
    if told:
        raise DataError(f"{engine.engine}: {told.decode()}")


def _in_words(text: str, engine: Profile) -> str:
    if refused := _REFUSED.search(text):
        return f"{engine.engine}: {refused[1]}"
    if found := _OF_A_USER.search(text):
        return found[1].strip()
    if "StatusCode.UNAVAILABLE" in text:
        return f"{engine.engine}: the job server ended, or the way to it broke, while the job ran; its log says why"
    if _NO_WORKER.search(text):
        return f"{engine.engine}: no worker came from the worker pool; the engine says: {text[-300:]}"
    return ""


@contextlib.contextmanager
def scratch_folder(engine: Profile) -> Iterator[str]:
    """A temporary folder that every worker sees.

    Raises:
        DataError: the profile's `scratch` is not there.
    """
    if "://" in engine.scratch:
        FileSystems.set_options(PipelineOptions(engine.flags()))
        folder = f"{engine.scratch.rstrip('/')}/{uuid.uuid4().hex}"
        try:
            yield folder
        finally:
            with contextlib.suppress(BeamIOError):
                FileSystems.delete([folder])
    elif engine.scratch and not Path(engine.scratch).is_dir():
        raise DataError(f"scratch {engine.scratch}: no such folder here; mount it, in the workers too")
    else:
        with tempfile.TemporaryDirectory(dir=engine.scratch or None) as made:
            yield made
