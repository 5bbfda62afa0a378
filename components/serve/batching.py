"""Requests that arrive while TensorFlow works are answered together, by one call.

Nobody waits for company: a request that finds TensorFlow idle is answered at once. What arrives meanwhile is the
next batch.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
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
        self._at_work = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict")

    async def ask(self, servable: Servable, columns: Arrays) -> Arrays:
        """Predictions of the rows."""
        loop = asyncio.get_running_loop()
        rows = len(next(iter(columns.values())))
        asked = _Asked(servable, columns, rows, loop.create_future())
        self._waiting.append(asked)
        if not self._at_work:
            self._at_work = True
            self._working = loop.create_task(self._work())
        return await asked.answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = [self._waiting.pop(0)]
                servable, rows = batch[0].servable, batch[0].rows
                while self._waiting and self._waiting[0].servable is servable:
                    rows += self._waiting[0].rows
                    if rows > MOST_ROWS:
                        break
                    batch.append(self._waiting.pop(0))
                try:
                    answers = await loop.run_in_executor(self._thread, _together, servable, [a.columns for a in batch])
                except Exception as error:
                    for asked in batch:
                        if not asked.answer.cancelled():
                            asked.answer.set_exception(error)
                    continue
                for asked, answer in zip(batch, answers, strict=True):
                    if not asked.answer.cancelled():
                        asked.answer.set_result(answer)
        finally:
            self._at_work = False


def _together(servable: Servable, requests: list[Arrays]) -> list[Arrays]:
    """One call for all requests, and each one's part of the answer."""
    if len(requests) == 1:
        return [servable.predict(requests[0])]
    joined = {name: np.concatenate([request[name] for request in requests]) for name in servable.columns}
    answers = servable.predict(joined)
    ends = np.cumsum([len(next(iter(request.values()))) for request in requests])[:-1]
    parts = {name: np.split(values, ends) for name, values in answers.items()}
    return [{name: parts[name][index] for name in answers} for index in range(len(requests))]
