"""Requests that arrive while TensorFlow works are answered together, by its next call.

Nobody waits for company, and nothing is handed to another thread: a worker process has one core, and the event loop
is where its requests are read, predicted and written. What came in during a call is the next batch.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from components.serve.loader import Arrays, Servable

MOST_ROWS = 4_096


@dataclass
class _Asked:
    servable: Servable
    columns: Arrays
    rows: int
    answer: asyncio.Future[Arrays]


class Batcher:
    """Answers each request by the servable that it was read for, whatever is put in service meanwhile."""

    def __init__(self) -> None:
        self._waiting: list[_Asked] = []

    async def ask(self, servable: Servable, columns: Arrays) -> Arrays:
        """Predictions of the rows."""
        loop = asyncio.get_running_loop()
        rows = len(next(iter(columns.values())))
        asked = _Asked(servable, columns, rows, loop.create_future())
        self._waiting.append(asked)
        if len(self._waiting) == 1:
            loop.call_soon(self._work)
        return await asked.answer

    def _work(self) -> None:
        waiting, self._waiting = self._waiting, []
        while waiting:
            batch = [waiting.pop(0)]
            servable, rows = batch[0].servable, batch[0].rows
            while waiting and waiting[0].servable is servable and rows + waiting[0].rows <= MOST_ROWS:
                rows += waiting[0].rows
                batch.append(waiting.pop(0))
            try:
                answers = _together(servable, [asked.columns for asked in batch])
            except Exception as error:
                for asked in batch:
                    if not asked.answer.cancelled():
                        asked.answer.set_exception(error)
                continue
            for asked, answer in zip(batch, answers, strict=True):
                if not asked.answer.cancelled():
                    asked.answer.set_result(answer)


def _together(servable: Servable, requests: list[Arrays]) -> list[Arrays]:
    """One call for all requests, and each one's part of the answer."""
    if len(requests) == 1:
        return [servable.predict(requests[0])]
    joined = {name: np.concatenate([request[name] for request in requests]) for name in servable.columns}
    answers = servable.predict(joined)
    ends = np.cumsum([len(next(iter(request.values()))) for request in requests])[:-1]
    parts = {name: np.split(values, ends) for name, values in answers.items()}
    return [{name: parts[name][index] for name in answers} for index in range(len(requests))]
