"""A webhook on this machine, for tests of who is told what."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """Attributes: `url`; `told`, the bodies that it took; `statuses`, what it answers next, 200 when they are used up."""

    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@contextlib.contextmanager
def listening() -> Iterator[Webhook]:
    """A webhook as long as the block runs."""
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = webhook.statuses.pop(0) if webhook.statuses else 200
            if status == 200:
                webhook.told.append(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    webhook.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()
