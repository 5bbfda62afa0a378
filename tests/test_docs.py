"""What the pages say holds: every block of YAML is a part of a spec, every preset and op is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from schemas.errors import SpecError
from schemas.ops import Op
from schemas.source_map import SourceMap, yaml_value
from schemas.spec import Evaluation, Sweep, Training
from schemas.spec.layers import Block, Layer
from schemas.spec.model import Model
from schemas.spec.outputs import Output
from schemas.spec.preset import Preset
from tests.conftest import HOUSE

PAGES = [HOUSE / "README.md", *sorted((HOUSE / "docs").glob("*.md"))]


def blocks() -> list[tuple[str, str]]:
    return [
        (f"{page.name}:{number}", text)
        for page in PAGES
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    ]


@pytest.mark.parametrize(("where", "text"), blocks(), ids=[where for where, _ in blocks()])
def test_a_block_of_yaml_is_a_part_of_a_spec(where: str, text: str) -> None:
    parts = yaml_value(text)
    parts = parts.get("model", parts)
    for key, value in parts.items():
        if key == "layers":
            assert [Layer.model_validate(layer) for layer in value]
        elif key == "blocks":
            assert {name: Block.model_validate(block) for name, block in value.items()}
        elif key == "outputs":
            assert {name: Output.model_validate(output) for name, output in value.items()}
        else:
            sections = {"training": Training, "sweep": Sweep, "evaluate": Evaluation}
            if key in sections:
                sections[key].model_validate(value)
            else:
                assert key in Model.model_fields, key
    if "preset" in parts:
        Model.model_validate(parts)


def test_every_preset_and_its_paper_is_on_its_page() -> None:
    page = (HOUSE / "docs" / "presets.md").read_text(encoding="utf-8")
    assert {name for name in Preset.known if f"| `{name}` |" in page} == set(Preset.known)


def test_feature_columns_name_ops_that_there_are() -> None:
    page = (HOUSE / "docs" / "feature-columns.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\{op: (\w+)", page)) <= set(Op.known)


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, HOUSE / "CONTRIBUTING.md", *sorted((HOUSE / "components").glob("*/README.md"))]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_numbers_are_read_as_yaml_1_2_does(tmp_path: Path) -> None:
    assert yaml_value("1e-5") == 1e-5
    assert yaml_value("{a: 1e3, b: 1.5E+2, c: 1e-x}") == {"a": 1000.0, "b": 150.0, "c": "1e-x"}
    assert yaml.safe_load("1e-5") == "1e-5", "nobody else's loader is changed"
    with pytest.raises(SpecError):
        SourceMap("x", "1e5")
