"""What the pages say holds: every block of YAML is a part of a spec, every preset and op is named."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.commandline import _parser
from pipeline.compiled import read_compiled
from schemas.errors import SpecError
from schemas.ops import Op
from schemas.source_map import SourceMap, yaml_value
from schemas.spec import Data, Evaluation, Push, Sweep, Training
from schemas.spec.cluster import Cluster
from schemas.spec.layers import Block, Layer
from schemas.spec.model import Model
from schemas.spec.outputs import Output
from schemas.spec.preset import Preset
from schemas.spec.schedule import Schedule
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
            sections = {
                "training": Training, "sweep": Sweep, "evaluate": Evaluation, "data": Data, "push": Push,
                "cluster": Cluster, "schedule": Schedule,
            }  # fmt: skip
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


def commands() -> list[list[str]]:
    """Every command that a page shows: in blocks of sh, and in indented lines that begin with one."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
        shown = re.findall(r"(?m)^    (.+)$", text)
        lines += [line for line in shown if re.match(r"make (images|push|run|test)\b|(\S*/)?latticework ", line)]
        for line in lines:
            for part in re.split(r" && ", re.split(r"\s#|  +(?=[a-z])", line)[0]):
                found.append(shlex.split(part.split(" > ")[0]))
    return [words for words in found if words]


@pytest.mark.parametrize("words", commands(), ids=lambda words: " ".join(words)[:60])
def test_a_command_has_the_flags_it_is_shown_with(words: list[str], capsys) -> None:
    words = words[1:] if words[0] == "sudo" else words
    program = Path(words[0]).name
    if program == "latticework":
        try:
            _parser().parse_args(words[1:])
        except SystemExit:
            pytest.fail(capsys.readouterr().err)
    elif program == "make":
        targets = set(re.findall(r"(?m)^([a-z]+):", (HOUSE / "Makefile").read_text()))
        variables = {word.split("=")[0] for word in words[1:] if "=" in word}
        assert {word.split()[0] for word in words[1:] if "=" not in word} <= targets
        assert all(f"$({name})" in (HOUSE / "Makefile").read_text() for name in variables), variables
    elif program == "kubectl":
        _has_kubectl_flags(words[1:])
    elif program == "kind":
        assert words[1:3] in (["create", "cluster"], ["load", "docker-image"])
        assert not [word for word in words if word.startswith("-")], "flags of kind are not checked here"
    else:
        assert program in ("cp", "systemctl"), f"{program} is not checked"
        assert all(Path(HOUSE / word).exists() for word in words[1:] if word.startswith("deploy/"))


def _has_kubectl_flags(words: list[str]) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl at hand")
    verbs = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
    depth = 3 if verbs[:2] == ["create", "secret"] else 2 if verbs[0] == "create" else 1
    shown = subprocess.run(["kubectl", *verbs[:depth], "--help"], capture_output=True, text=True, check=True).stdout
    shown += subprocess.run(["kubectl", "options"], capture_output=True, text=True, check=True).stdout
    for word in words:
        if word.startswith("-"):
            flag = word.split("=")[0]
            assert re.search(rf"(?m)(^|[ ,]){re.escape(flag)}[=,: ]", shown), (
                f"kubectl {' '.join(verbs[:depth])} has no {flag}"
            )
    folder = next((HOUSE / word for word in words if word.startswith("deploy/")), None)
    assert folder is None or folder.is_dir()


def test_the_pipeline_of_ones_own_compiles(tmp_path) -> None:
    page = (HOUSE / "docs" / "on-a-cluster.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "mine.py"
    path.write_text(
        f"{block}\n\nfrom kfp import compiler\ncompiler.Compiler().compile(mine, {str(tmp_path / 'mine.yaml')!r})\n"
    )
    done = subprocess.run([sys.executable, str(path)], cwd=HOUSE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "ghcr.io/acme/latticework/ingest:TAG" in (tmp_path / "mine.yaml").read_text()


def test_what_the_cluster_page_says_of_parameters_is_what_the_pipeline_has() -> None:
    page = (HOUSE / "docs" / "on-a-cluster.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| ((?:`\w+`(?:, )?)+) \| (text|list|integer) \|", page)
    told = {name: kind for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    kinds = {"STRING": "text", "LIST": "list", "NUMBER_INTEGER": "integer"}
    there = read_compiled(HOUSE / "tests/pipeline/golden/plain.yaml").parameters
    assert told == {name: kinds[about["parameterType"]] for name, about in there.items()}
