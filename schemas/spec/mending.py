"""A spec without what is wrong in its sections, so that what they say of each other can be checked all the same."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from schemas.ops import UnreadOp
from schemas.source_map import SourceMap
from schemas.spec.spec import Spec
from schemas.spec.transform import op_mistakes


def mended(source: SourceMap) -> Spec | None:
    """The spec, options that are wrong left at their defaults; None where something that has no default is wrong.

    A feature or label whose op is wrong keeps its name and reads nothing. Items of lists are never taken out, so
    that positions stay those of the file.
    """
    data = copy.deepcopy(source.data)
    wrong = {mistake.key for mistake in op_mistakes(data.get("transform"), source, ("transform",))}
    transform = data.get("transform")
    for part in ("features", "labels"):
        ops: Any = transform.get(part) if isinstance(transform, dict) else None
        for name in ops if isinstance(ops, dict) else ():
            at = f"transform.{part}.{name}"
            if any(key == at or key.startswith(f"{at}.") for key in wrong):
                ops[name] = UnreadOp(op="unread")
    while True:
        try:
            return Spec.model_validate(data)
        except ValidationError as error:
            found = error.errors()
        if any(details["type"] == "missing" for details in found):
            return None
        taken_out = [_take_out(data, details["loc"]) for details in found]
        if not any(taken_out):
            return None


def _take_out(data: Any, loc: tuple[Any, ...]) -> bool:
    """Takes out the option that `loc` leads to; whether there was one."""
    holder, key, value = None, None, data
    for part in loc:
        if isinstance(value, dict) and part in value:
            holder, key, value = value, part, value[part]
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
    if holder is None:
        return False
    del holder[key]
    return True
