"""The pipeline that runs on a cluster, time and again: what changes between runs is found when each begins."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from kfp import dsl, kubernetes

from components.choose.component import choose
from components.notify.component import notify
from components.resolve.component import resolve
from pipeline import placement
from pipeline.steps import Judgement, Model
from schemas.spec import Spec, Sweep
from schemas.spec.cluster import WEBHOOK, Cluster, Step


def retraining(spec: Spec) -> Any:
    """The pipeline of a spec: as `pipeline.definition.latticework`, between a step that finds what the run is about and
    one that tells how it ended."""
    cluster = spec.cluster

    @dsl.pipeline(
        name=spec.name,
        description=f"Retrains {spec.name}; publishes only what is better.",
        pipeline_root=spec.cluster.root,
    )
    def pipeline(  # type: ignore[no-untyped-def]
        name: str, spec: str, schema: str, transform_module: str, model_module: str, directory: str,
        image_tag: str, seed: int, source: str = "", span: str = "",
        thresholds: list = [],  # type: ignore[type-arg]  # noqa: B006
    ):  # fmt: skip
        """Retrains one model and publishes it if it is good enough.

        Args:
            name: The model's name.
            spec: The whole spec, as JSON.
            schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
            transform_module: The text of the module that the transform section names, or nothing.
            model_module: The text of the module that the model section names, or nothing.
            directory: The folder of published models, or its URL.
            image_tag: The tag of the components' images.
            seed: Everything random takes its seed from this.
            source: The file or glob to read, in place of the spec's data.path.
            span: The newest span that is read, a day (2026-11-24) or a number; nothing for the newest there is.
            thresholds: In place of the spec's evaluate.thresholds, where there are any.
        """
        _retrain(cluster, locals(), trials=[], sweep=None)

    return pipeline


def searching(spec: Spec) -> Any:
    """The pipeline of a spec with a sweep: as `retraining`, but that several models are trained side by side and the
    best is judged."""
    if spec.sweep is None:
        raise ValueError("the spec has no sweep")
    cluster, sweep = spec.cluster, spec.sweep

    @dsl.pipeline(
        name=f"{spec.name}-sweep",
        description=f"Searches a better {spec.name} and publishes it only if it is.",
        pipeline_root=spec.cluster.root,
    )
    def pipeline(  # type: ignore[no-untyped-def]
        name: str, spec: str, schema: str, transform_module: str, model_module: str, directory: str,
        image_tag: str, seed: int, trials: list, source: str = "", span: str = "",  # type: ignore[type-arg]
        thresholds: list = [],  # type: ignore[type-arg]  # noqa: B006
    ):  # fmt: skip
        """Trains a model for each trial, side by side, and publishes the best one if it is good enough.

        Args:
            name: The model's name.
            spec: The whole spec, as JSON.
            schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
            transform_module: The text of the module that the transform section names, or nothing.
            model_module: The text of the module that the model section names, or nothing.
            directory: The folder of published models, or its URL.
            image_tag: The tag of the components' images.
            seed: Everything random takes its seed from this.
            trials: What each trial tries, by dotted key of the spec, as JSON.
            source: The file or glob to read, in place of the spec's data.path.
            span: The newest span that is read, a day (2026-11-24) or a number; nothing for the newest there is.
            thresholds: In place of the spec's evaluate.thresholds, where there are any.
        """
        _retrain(cluster, locals(), trials=trials, sweep=sweep)

    return pipeline


def _retrain(cluster: Cluster, given: Mapping[str, Any], *, trials: Any, sweep: Sweep | None) -> None:
    """The tasks of a pipeline, whose parameters are `given`."""
    name, directory, tag, schema, seed = (given[key] for key in ("name", "directory", "image_tag", "schema", "seed"))
    modules = {key: given[key] for key in ("transform_module", "model_module")}

    def place(task: dsl.PipelineTask, step: str) -> dsl.PipelineTask:
        return placement.place(task, cast(Step, step), cluster, tag)

    told = place(_told(cluster, name, directory), "notify")
    with dsl.ExitHandler(told, name="retraining"):
        resolved = place(
            resolve(
                spec=given["spec"], schema=schema, seed=seed, source=given["source"], span=given["span"],
                thresholds=given["thresholds"], trials=trials, folder=cluster.folder, directory=directory, code=tag,
                **modules,
            ),
            "resolve",
        ).outputs  # fmt: skip
        codes = dict.fromkeys(("ingest", "validate", "transform", "train", "evaluate", "serve"), tag)
        model = Model(
            name, cluster.folder, seed, schema, resolved["data"], resolved["validation"], resolved["transform"],
            modules["transform_module"], resolved["model"], modules["model_module"], resolved["source"], codes, place,
        )  # fmt: skip
        judgement = Judgement(
            model, resolved["evaluation"], resolved["spec"], directory, resolved["champion"], resolved["origin"],
            run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        )  # fmt: skip
        examples = model.examples().outputs["examples"]
        validated = model.statistics(examples, stop=False)
        with dsl.If(validated.outputs["Output"] == True, name="sound"):  # noqa: E712  kfp builds a condition of it
            statistics = validated.outputs["statistics"]
            transformed = model.transformed(examples, statistics).outputs["transformed"]
            if sweep is None:
                trained = model.trained(transformed).outputs["model"]
            else:
                trained = place(_best(model, sweep, resolved["models"], trials, transformed), "choose").outputs["model"]
            judged = judgement.judged(examples, statistics, transformed, trained)
            judgement.published(examples, trained, judged)


def _best(model: Model, sweep: Sweep, models: Any, trials: Any, transformed: Any) -> dsl.PipelineTask:
    """The task that takes the best of the trials, which run side by side."""
    with dsl.ParallelFor(items=models, parallelism=sweep.parallel, name="trials") as section:
        tried = replace(model, model_section=section).trained(transformed)
    return choose(monitor=sweep.monitor, mode=sweep.mode, trials=trials, models=dsl.Collected(tried.outputs["model"]))


def _told(cluster: Cluster, name: Any, directory: Any) -> dsl.PipelineTask:
    """The task that tells how the run ended."""
    webhook = cluster.webhook
    told = notify(
        name=name,
        directory=directory,
        run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        outcomes=list(webhook.outcomes) if webhook else [],
    )
    if webhook:
        kubernetes.use_secret_as_env(told, webhook.secret, {webhook.key: WEBHOOK})
    return told
