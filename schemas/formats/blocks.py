"""Text files in blocks that end where a record ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

LONGEST_RECORD = 64 << 20


@dataclass(frozen=True)
class Block:
    """Whole records: `start` is the byte they begin at, `line` the 1-based line."""

    start: int
    line: int
    text: bytes


def record_blocks(
    stream: IO[bytes], size: int, *, quote: bytes | None = None, start: int = 0, line: int = 1
) -> Iterator[Block]:
    """Cuts a stream at newlines that stand outside of quotes.

    Args:
        stream: read to its end, or to what the caller takes.
        size: about how many bytes a block has.
        quote: the quote character (RFC 4180), or None where newlines always end a record.
        start: the byte, and `line` the line, that the stream begins at.

    Yields:
        Blocks that together are the stream. A record longer than 64 MiB is cut at a newline all the same.
    """
    carry = b""
    while True:
        piece = stream.read(size)
        data = carry + piece
        if not data:
            return
        cut = len(data) if not piece else _last_end(data, quote)
        if cut == 0 and len(data) > LONGEST_RECORD:
            cut = data.rfind(b"\n") + 1
        if cut:
            block = data[:cut]
            yield Block(start, line, block)
            start += cut
            line += block.count(b"\n")
        carry = data[cut:]


def _last_end(data: bytes, quote: bytes | None) -> int:
    """How many bytes of `data`, which begins with a record, are whole records."""
    position = data.rfind(b"\n")
    if quote is None:
        return position + 1
    odd = data.count(quote, 0, position) % 2 if position >= 0 else 0
    while position >= 0 and odd:
        earlier = data.rfind(b"\n", 0, position)
        odd ^= data.count(quote, earlier + 1, position) % 2
        position = earlier
    return position + 1
