"""The pipeline: seven steps, data flowing one way."""

from pathlib import Path
from typing import Any, NamedTuple

from kfp import compiler, dsl

from components.evaluate.component import evaluate
from components.ingest.component import ingest
from components.push.component import push
from components.serve.component import canary
from components.train.component import train
from components.transform.component import transform
from components.validate.component import validate


class Outputs(NamedTuple):
    """The artifacts of a run."""

    examples: dsl.Dataset
    statistics: dsl.Artifact
    transformed: dsl.Dataset
    model: dsl.Model
    evaluation: dsl.Artifact


def _until_trained(
    *, name: str, folder: str, seed: int, schema: str, data: str, validation: str, transform_section: str,
    transform_module: str, model_section: str, model_module: str, source: str, ingest_code: str, validate_code: str,
    transform_code: str, train_code: str,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """The tasks of ingest, validate, transform and train, chained."""
    ingested = ingest(data=data, schema=schema, folder=folder, seed=seed, source=source, code=ingest_code)
    validated = validate(rules=validation, schema=schema, code=validate_code, examples=ingested.outputs["examples"])
    transformed = transform(
        transform=transform_section, schema=schema, module=transform_module, code=transform_code,
        statistics=validated.outputs["statistics"], examples=ingested.outputs["examples"],
    )  # fmt: skip
    trained = train(
        model_section=model_section, schema=schema, name=name, seed=seed, module=model_module, code=train_code,
        transformed=transformed.outputs["transformed"],
    )  # fmt: skip
    return ingested, validated, transformed, trained


@dsl.pipeline(
    name="latticework", description="Ingest, validate, transform, train, evaluate, try out and push one model."
)
def latticework(
    name: str, folder: str, seed: int, schema: str, data: str, validation: str, transform_section: str,
    transform_module: str, model_section: str, model_module: str,
    evaluation_section: str, spec: str, directory: str, champion: str, source: str, ingest_code: str, validate_code: str,
    transform_code: str, train_code: str, evaluate_code: str, serve_code: str, origin: str,
) -> Outputs:  # fmt: skip
    """Trains, judges and publishes one model.

    Args:
        name: The model's name.
        folder: Where relative paths of the data section start.
        seed: Everything random takes its seed from this.
        schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
        data: The spec's data section, as JSON.
        validation: The spec's validate section, as JSON.
        transform_section: The spec's transform section, as JSON.
        transform_module: The text of the module that the transform section names, or nothing.
        model_section: The spec's model section, as JSON.
        model_module: The text of the module that the model section names, or nothing.
        evaluation_section: The spec's evaluate section, as JSON.
        spec: The spec, for the report.
        directory: The folder of published models.
        champion: The version in service that is compared with, and a digest of it; "" to look it up.
        source: A digest of the source's files.
        ingest_code, validate_code, transform_code, train_code, evaluate_code, serve_code: Digests of the components'
            code.
        origin: A digest of all the other parameters but the champion.
    """
    steps = _until_trained(
        name=name, folder=folder, seed=seed, schema=schema, data=data, validation=validation,
        transform_section=transform_section, transform_module=transform_module, model_section=model_section,
        model_module=model_module, source=source, ingest_code=ingest_code, validate_code=validate_code,
        transform_code=transform_code, train_code=train_code,
    )  # fmt: skip
    ingested, validated, transformed, trained = steps
    judged = evaluate(
        evaluation_section=evaluation_section, schema=schema, spec=spec, name=name, directory=directory,
        champion=champion, code=evaluate_code, examples=ingested.outputs["examples"],
        statistics=validated.outputs["statistics"], transformed=transformed.outputs["transformed"],
        model=trained.outputs["model"],
    )  # fmt: skip
    with dsl.If(judged.outputs["Output"] == True, name="blessed"):  # noqa: E712  kfp builds a condition of it
        tried = canary(
            name=name, code=serve_code, examples=ingested.outputs["examples"], model=trained.outputs["model"],
            evaluation=judged.outputs["evaluation"],
        )  # fmt: skip
        push(
            name=name,
            directory=directory,
            origin=origin,
            model=trained.outputs["model"],
            evaluation=judged.outputs["evaluation"],
            proof=tried.outputs["proof"],
        ).set_caching_options(enable_caching=False)
    return Outputs(
        examples=ingested.outputs["examples"],
        statistics=validated.outputs["statistics"],
        transformed=transformed.outputs["transformed"],
        model=trained.outputs["model"],
        evaluation=judged.outputs["evaluation"],
    )


class Trained(NamedTuple):
    """The artifacts of a training that is not judged."""

    examples: dsl.Dataset
    transformed: dsl.Dataset
    model: dsl.Model


@dsl.pipeline(name="latticework-training", description="Ingest, validate, transform and train one model.")
def training(
    name: str, folder: str, seed: int, schema: str, data: str, validation: str, transform_section: str,
    transform_module: str, model_section: str, model_module: str, source: str, ingest_code: str, validate_code: str,
    transform_code: str, train_code: str,
) -> Trained:  # fmt: skip
    """Trains one model, a trial of a sweep; its parameters are those of the whole pipeline."""
    ingested, _, transformed, trained = _until_trained(
        name=name, folder=folder, seed=seed, schema=schema, data=data, validation=validation,
        transform_section=transform_section, transform_module=transform_module, model_section=model_section,
        model_module=model_module, source=source, ingest_code=ingest_code, validate_code=validate_code,
        transform_code=transform_code, train_code=train_code,
    )  # fmt: skip
    return Trained(
        examples=ingested.outputs["examples"],
        transformed=transformed.outputs["transformed"],
        model=trained.outputs["model"],
    )


def compile_pipeline(arguments: dict[str, Any], path: str | Path, pipeline: Any = latticework) -> None:
    """Writes a pipeline as KFP v2 IR YAML with a spec's arguments as the defaults of its parameters.

    Args:
        arguments: what `pipeline.arguments.pipeline_arguments` gives, those of them that the pipeline takes.
        path: a file that ends in `.yaml`.
        pipeline: the whole one, or `training`.
    """
    compiler.Compiler().compile(pipeline, str(path), pipeline_parameters=arguments)
