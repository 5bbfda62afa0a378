"""The check of a model's graph that needs Keras: done by the train component, once for each graph."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.arguments import module_argument
from pipeline.digests import code_digest
from schemas.errors import SpecError, UserError
from schemas.progress import ENVIRONMENT, parse
from schemas.source_map import SourceMap
from schemas.spec import LoadedSpec

ANY_SIZE = 10


def check_graph(loaded: LoadedSpec, known: Path | None = None) -> None:
    """Calls every layer of the spec's model on symbolic tensors.

    Args:
        loaded: a spec that holds by itself.
        known: a folder that remembers graphs that held; they are not tried again.

    Raises:
        SpecError: with all mistakes.
        UserError: the module of `model.builder` fails.
    """
    spec = loaded.spec
    features = {
        name: {"kind": op.kind, "size": op.size(lambda _: ANY_SIZE, name)}
        for name, op in spec.transform.features.items()
    }
    arguments = {
        "model": spec.model.model_dump_json(exclude_none=True),
        "features": features,
        "module": module_argument(loaded, spec.model.builder),
    }
    text = json.dumps([arguments, code_digest("train")], sort_keys=True)
    held = known / hashlib.sha256(text.encode()).hexdigest() if known else None
    if held is not None and held.exists():
        return
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "mistakes.json"
        task = json.dumps({**arguments, "output": str(output)})
        command = [sys.executable, "-m", "schemas.running", "train", task, "check"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, ENVIRONMENT: "json"})
        if done.returncode:
            failed = [event.message for line in done.stdout.splitlines() if (event := parse(line)) is not None]
            raise UserError((failed or done.stderr.strip().splitlines())[-1])
        mistakes = json.loads(output.read_text(encoding="utf-8"))
    if mistakes:
        source = SourceMap.read(loaded.path)
        raise SpecError(str(loaded.path), [source.mistake(tuple(at), message) for at, message in mistakes])
    if held is not None:
        held.parent.mkdir(parents=True, exist_ok=True)
        held.touch()
