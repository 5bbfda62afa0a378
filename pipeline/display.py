"""A run as a person watches it: one line a component, the one at work moving."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from pipeline.summary import from_here
from schemas.progress import Event


class Display:
    """Shows a run on a terminal; where there is none, a line for every component's start and end."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = Progress(
            SpinnerColumn(), TextColumn("[bold]{task.fields[component]:<10}"), BarColumn(bar_width=24),
            TextColumn("{task.description}"), console=console, transient=True,
        )  # fmt: skip
        self._task: object = None
        self._component = ""
        self._began = time.monotonic()
        self._last = ""

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, kind: str, event: Event | None) -> None:
        """Takes what the runner tells."""
        if event is None:
            return
        if kind == "cached":
            self._drop()
            self._line("=", event.component, "unchanged, from the cache")
        elif kind == "running":
            self._begin(event.component)
        elif event.kind in ("start", "step"):
            self._step(event)
        elif event.kind == "done":
            self._end("✓", event)
        elif event.kind == "failed":
            self._end("✗", event)

    def _begin(self, component: str) -> None:
        self._component, self._began = component, time.monotonic()
        self._drop()
        self._task = self._live.add_task("", component=component, total=None)

    def _step(self, event: Event) -> None:
        fields = event.fields
        text, total, done = event.message, None, 0.0
        if "epoch" in fields:
            total = fields["epochs"] * fields["total"]
            done = (fields["epoch"] - 1) * fields["total"] + fields["rows"]
            left = fields.get("seconds_left")
            if left is not None:
                text += f", at most {left:.0f} s left"
            if "val_loss" in fields:
                self._line(" ", event.component, event.message)
        elif "total" in fields:
            total, done = fields["total"], fields["rows"]
        if self._task is not None:
            self._live.update(self._task, description=text, total=total, completed=done)  # type: ignore[arg-type]

    def _end(self, mark: str, event: Event) -> None:
        self._drop()
        seconds = time.monotonic() - self._began
        message = from_here(event.message.splitlines()[0]) if event.message else ""
        self._line(mark, event.component, f"{message}  [dim]{seconds:.1f} s[/dim]")

    def _drop(self) -> None:
        if self._task is not None:
            self._live.remove_task(self._task)  # type: ignore[arg-type]
            self._task = None

    def _line(self, mark: str, component: str, text: str) -> None:
        colour = {"✓": "green", "✗": "red", "=": "cyan"}.get(mark, "dim")
        name = component if mark != " " else ""
        self.console.print(f"[{colour}]{mark}[/{colour}] [bold]{name:<10}[/bold] {text}", highlight=False)
