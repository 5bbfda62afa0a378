"""The pipeline that runs on a cluster, time and again: what changes between runs is found when each begins."""

from typing import Any, cast

from kfp import dsl, kubernetes

from components.notify.component import notify
from components.resolve.component import resolve
from pipeline import placement
from pipeline.steps import Judgement, Model
from schemas.spec import Spec
from schemas.spec.cluster import WEBHOOK, Cluster, Step


def retraining(spec: Spec) -> Any:
    """The pipeline of a spec: as `pipeline.definition.latticework`, between a step that finds what the run is about and
    one that tells how it ended."""
    cluster = spec.cluster

    @dsl.pipeline(
        name=spec.name, description=f"Retrains {spec.name}; publishes only what is better.", pipeline_root=cluster.root
    )
    def pipeline(  # type: ignore[no-untyped-def]
        name: str, spec: str, schema: str, transform_module: str, model_module: str, directory: str,
        image_tag: str, seed: int, source: str = "", span: str = "", thresholds: list = [],  # type: ignore[type-arg]  # noqa: B006
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

        def place(task: dsl.PipelineTask, step: str) -> dsl.PipelineTask:
            return placement.place(task, cast(Step, step), cluster, image_tag)

        told = _told(cluster, name, directory)
        place(told, "notify")
        with dsl.ExitHandler(told, name="retraining"):
            resolved = place(
                resolve(
                    spec=spec, schema=schema, transform_module=transform_module, model_module=model_module, seed=seed,
                    source=source, span=span, thresholds=thresholds, folder=cluster.folder, directory=directory,
                    code=image_tag,
                ),
                "resolve",
            ).outputs  # fmt: skip
            codes = dict.fromkeys(("ingest", "validate", "transform", "train", "evaluate", "serve"), image_tag)
            model = Model(
                name, cluster.folder, seed, schema, resolved["data"], resolved["validation"], resolved["transform"],
                transform_module, resolved["model"], model_module, resolved["source"], codes, place,
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
                trained = model.trained(transformed).outputs["model"]
                judged = judgement.judged(examples, statistics, transformed, trained)
                judgement.published(examples, trained, judged)

    return pipeline


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
