"""A model as the Python that a person would write for it in the Functional API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

WIDTH, INDENT = 110, "    "


def model_code(name: str, statements: Sequence[str], own_module: str | None, own_classes: Sequence[str]) -> str:
    """A module with `build_model()`.

    Args:
        name: the model's name.
        statements: what `graph.build_graph` did.
        own_module: the Python module of the user's own layers, relative to the spec.
        own_classes: those that are used.
    """
    imports = ["import keras"]
    if own_module is not None and own_classes:
        imports += ["", f"from {own_module.removesuffix('.py').replace('/', '.')} import {', '.join(own_classes)}"]
    body = [
        "inputs: dict[str, keras.KerasTensor] = {}",
        "outputs: dict[str, keras.KerasTensor] = {}",
        *statements,
        f"return keras.Model(inputs, outputs, name={name!r})",
    ]
    lines = [line for statement in body for line in _wrapped(statement)]
    return "\n".join([
        f'"""The model {name!r} in the Functional API of Keras, as Latticework builds it."""', "", *imports, "", "",
        "def build_model() -> keras.Model:", f'{INDENT}"""Features in, predictions out; the weights are new."""',
        *(INDENT + line for line in lines), "", "",
        'if __name__ == "__main__":', f"{INDENT}build_model().summary()", "",
    ])  # fmt: skip


def _wrapped(statement: str) -> Iterator[str]:
    """A statement in lines; it is broken behind commas inside of its brackets alone."""
    line, depth, quote = "", 0, ""
    for piece in _pieces(statement):
        if line and len(line) + len(piece) > WIDTH and depth > 0:
            yield line.rstrip()
            line = INDENT
        line += piece
        for character in piece:
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            else:
                depth += (character in "([{") - (character in ")]}")
    yield line


def _pieces(statement: str) -> Iterator[str]:
    """What stands between the commas outside of texts, each with its comma."""
    piece, quote = "", ""
    for character in statement:
        piece += character
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        if not quote and piece.endswith(", "):
            yield piece
            piece = ""
    yield piece
