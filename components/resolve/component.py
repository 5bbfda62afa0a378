"""The KFP face of resolve."""

from typing import NamedTuple

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/resolve:{__version__}", install_kfp_package=False)
def resolve(  # type: ignore[no-untyped-def]
    spec: str, schema: str, transform_module: str, model_module: str, seed: int, source: str, span: str, thresholds: list,
    trials: list, folder: str, directory: str, code: str, resolved: dsl.Output[dsl.Artifact],
) -> NamedTuple(
    "Resolved",
    [
        ("data", str), ("validation", str), ("transform", str), ("model", str), ("evaluation", str), ("spec", str),
        ("source", str), ("champion", str), ("origin", str), ("models", list),
    ],
):  # fmt: skip
    """Finds what a retraining works on: the files of a span, the version in service, the rules.

    Args:
        spec: The whole spec, as JSON.
        schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
        transform_module: The text of the module that the transform section names, or nothing.
        model_module: The text of the module that the model section names, or nothing.
        seed: Everything random takes its seed from this.
        source: The file or glob to read, in place of the spec's `data.path`.
        span: The newest span that is read, a day or a number; "" for the newest there is.
        thresholds: In place of the spec's, where there are any.
        trials: What each trial of a search tries, by dotted key of the spec, as JSON; none where nothing is searched.
        folder: Where relative paths of the data section start.
        directory: The folder of published models, or its URL.
        code: What says which code the components are.
        resolved: resolved.json, all that was found.

    Returns:
        The sections of the spec as JSON, the spec, a digest of the source's files, the version that is compared with,
        a digest of all that the model is made of, and the model section of each trial.
    """
    import json
    from collections import namedtuple

    from schemas.artifacts import read_manifest
    from schemas.running import run_task

    run_task(
        "resolve", spec=spec, folder=folder, directory=directory, source=source, span=span, thresholds=thresholds,
        trials=[json.loads(trial) for trial in trials],
        made_of={"schema": schema, "modules": [transform_module, model_module], "seed": seed, "code": code}, output=resolved.path,
    )  # fmt: skip
    found = read_manifest(resolved.path, "resolve")
    result = namedtuple("Resolved", "data validation transform model evaluation spec source champion origin models")
    return result(
        found["data"], found["validate"], found["transform"], found["model"], found["evaluate"], found["spec"],
        found["source"], found["champion"], found["origin"], found["models"],
    )  # fmt: skip
