"""Beam's Prism: built from Beam's Go module, of the version that is installed here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from apache_beam.version import __version__ as beam_version

from deploy.engines.processes import NotStarted, Processes, answers

MODULE = "github.com/apache/beam/sdks/v2/go/cmd/prism"


def built(folder: Path) -> Path:
    """The program, built where it is not there; Go's checksum database vouches for its source.

    Raises:
        NotStarted: there is no Go, or the module cannot be had.
    """
    program = folder / f"prism-{beam_version}"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise NotStarted("Prism is built with Go, which is not here; install it (Debian: apt-get install golang)")
    place = folder / "building"
    command = [go, "install", f"{MODULE}@v{beam_version}"]
    done = subprocess.run(command, env={**os.environ, "GOBIN": str(place)}, capture_output=True, text=True)
    if done.returncode:
        raise NotStarted(f"`{' '.join(command)}` failed:\n{done.stderr[-500:]}")
    (place / "prism").replace(program)
    place.rmdir()
    return program


def start(processes: Processes, cache: Path, port: int = 8073, pool: int = 50000) -> None:
    """Starts Prism and a worker pool for it."""
    program = built(cache)
    command = [str(program), "-job_port", str(port), "-serve_http=false", "-log_level", "warn"]
    processes.start("prism", command)
    processes.wait("prism", lambda: answers(port))
    processes.worker_pool(pool)
