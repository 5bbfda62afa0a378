"""`python -m components.train.node`: one of several workers; its arguments as JSON on stdin.

{"index": 0, "addresses": ["host:port", …], "arguments": {…}}, the arguments those of `task.run`. In a pod of an indexed
job the index and the addresses may come from its environment instead; see `trainjob`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from schemas.running import quiet_libraries, reported


def main() -> None:
    """Trains with the others."""
    given: dict[str, Any] = json.load(sys.stdin)
    quiet_libraries()
    with reported("train") as progress:
        from components.train.task import train_as
        from components.train.together import Node

        train_as(Node(given["index"], given["addresses"]), progress=progress, **given["arguments"])


if __name__ == "__main__":
    main()
