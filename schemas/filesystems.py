"""Files of any filesystem that Beam knows, outside of a Beam pipeline."""

from __future__ import annotations

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions


def matching(pattern: str) -> list[str]:
    """The files that a glob matches, in order.

    Raises:
        apache_beam.io.filesystem.BeamIOError: the filesystem cannot be looked at.
    """
    _with_options()
    return sorted(found.path for found in FileSystems.match([pattern])[0].metadata_list)


def checksum(path: str) -> str:
    """What the filesystem itself says that a file holds: a checksum, or a size and a time."""
    _with_options()
    return str(FileSystems.checksum(path))


def _with_options() -> None:
    """A pipeline gives these to filesystems, of which some (S3) do nothing without."""
    if FileSystems._pipeline_options is None:
        FileSystems.set_options(PipelineOptions([]))
