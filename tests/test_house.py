"""The house's own rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import HOUSE


def loaded_modules(code: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"],
        capture_output=True, text=True, check=True, cwd=HOUSE,
    )  # fmt: skip
    return set(shown.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import schemas.spec",
        "import components.transform.ops",
        "import pipeline.definition",
        "import components.ingest.worker",
        "import components.validate.worker",
        "import components.push.worker",
    ],
)
def test_no_tensorflow_where_none_is_needed(code):
    assert not loaded_modules(code) & {"tensorflow", "keras", "tensorflow_transform", "tensorflow_model_analysis"}


def test_floors_and_rooms_are_kept():
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=HOUSE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_names_of_keras_are_of_the_installed_one():
    import json

    from components.train.keras_names import collect
    from schemas.keras_names import FILE

    assert json.loads(FILE.read_text()) == collect()


def test_the_json_schema_of_a_spec_is_in_step():
    import json

    from schemas.spec import json_schema

    assert json.loads((HOUSE / "schemas" / "spec.schema.json").read_text()) == json_schema()
