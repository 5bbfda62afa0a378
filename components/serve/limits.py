"""Bodies that are too large are refused, and never kept."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

MOST_LEFT_UNREAD = 256 << 20

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BodyLimit:
    """ASGI middleware: answers 413 to a body of more than `most_bytes`, whether its length is told or not."""

    def __init__(self, app: Callable[..., Awaitable[None]], most_bytes: int) -> None:
        self.app, self.most_bytes = app, most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI 3."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > self.most_bytes:
            await self._leave_unread(receive, 0)
            await self._refuse(send, int(told))
            return
        received, began = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= self.most_bytes else {"type": "http.disconnect"}

        async def noted(message: Message) -> None:
            nonlocal began
            if received <= self.most_bytes or began:
                began = True
                await send(message)

        try:
            await self.app(scope, counted, noted)
        except Exception:
            if received <= self.most_bytes:
                raise
        if received > self.most_bytes and not began:
            await self._leave_unread(receive, received)
            await self._refuse(send, received)

    async def _leave_unread(self, receive: Receive, received: int) -> None:
        """Takes what is still sent, and keeps none of it: a client that is cut off while it sends reads no answer."""
        more = True
        while more and received <= MOST_LEFT_UNREAD:
            message = await receive()
            received += len(message.get("body", b""))
            more = message.get("more_body", False)

    async def _refuse(self, send: Send, found: int) -> None:
        told = f"the body has {found:,} bytes or more; at most {self.most_bytes:,} are read. Send fewer rows a request"
        body = json.dumps({"error": told}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
                   (b"connection", b"close")]  # fmt: skip
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
