"""A Beam worker of a worker pool: `python -m schemas.engines.worker CONTROL ID READY`, options as JSON on stdin."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

READY = b"ready\n"
"""What a worker writes when it can serve."""


def main() -> None:
    """Serves one engine's worker until its stream ends; says on the file descriptor READY that it can.

    With --check alone it ends where it could begin.
    """
    from schemas.running import quiet_libraries

    quiet_libraries()
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.worker.sdk_worker import SdkHarness

    if sys.argv[1:] == ["--check"]:
        return
    control, worker_id, ready = sys.argv[1:]
    options: dict[str, Any] = json.load(sys.stdin)
    # The SDK's pool leaves this out, and then S3's filesystem cannot be used in a worker.
    FileSystems.set_options(PipelineOptions.from_dictionary(options))
    harness = SdkHarness(control, worker_id=worker_id, state_cache_size=100 * 2**20)
    os.write(int(ready), READY)
    os.close(int(ready))
    harness.run()


if __name__ == "__main__":
    main()
