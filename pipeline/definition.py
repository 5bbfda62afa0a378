"""The pipelines that run on this machine: their parameters are digests of all that a result depends on."""

from pathlib import Path
from typing import Any, NamedTuple

from kfp import compiler, dsl

from pipeline.steps import Judgement, Model, Place, anywhere


class Outputs(NamedTuple):
    """The artifacts of a run."""

    examples: dsl.Dataset
    statistics: dsl.Artifact
    transformed: dsl.Dataset
    model: dsl.Model
    evaluation: dsl.Artifact


class Trained(NamedTuple):
    """The artifacts of a training that is not judged."""

    examples: dsl.Dataset
    transformed: dsl.Dataset
    model: dsl.Model


def latticework(place: Place = anywhere) -> Any:
    """The whole pipeline: seven steps, data flowing one way.

    Args:
        place: how each task runs.
    """

    @dsl.pipeline(
        name="latticework", description="Ingest, validate, transform, train, evaluate, try out and push one model."
    )
    def pipeline(
        name: str, folder: str, seed: int, schema: str, data: str, validation: str, transform_section: str,
        transform_module: str, model_section: str, model_module: str,
        evaluation_section: str, spec: str, directory: str, champion: str, source: str, ingest_code: str,
        validate_code: str, transform_code: str, train_code: str, evaluate_code: str, serve_code: str, origin: str,
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
            ingest_code, validate_code, transform_code, train_code, evaluate_code, serve_code: Digests of the
                components' code.
            origin: A digest of all the other parameters but the champion.
        """
        codes = {
            "ingest": ingest_code, "validate": validate_code, "transform": transform_code, "train": train_code,
            "evaluate": evaluate_code, "serve": serve_code,
        }  # fmt: skip
        model = Model(
            name, folder, seed, schema, data, validation, transform_section, transform_module, model_section,
            model_module, source, codes, place,
        )  # fmt: skip
        examples, statistics, transformed, trained = _until_trained(model)
        judgement = Judgement(model, evaluation_section, spec, directory, champion, origin)
        judged = judgement.judged(examples, statistics, transformed, trained)
        judgement.published(examples, trained, judged)
        return Outputs(examples, statistics, transformed, trained, judged.outputs["evaluation"])

    return pipeline


def training(place: Place = anywhere) -> Any:
    """The pipeline of one trial of a sweep: its parameters are among those of the whole one.

    Args:
        place: how each task runs.
    """

    @dsl.pipeline(name="latticework-training", description="Ingest, validate, transform and train one model.")
    def pipeline(
        name: str, folder: str, seed: int, schema: str, data: str, validation: str, transform_section: str,
        transform_module: str, model_section: str, model_module: str, source: str, ingest_code: str,
        validate_code: str, transform_code: str, train_code: str,
    ) -> Trained:  # fmt: skip
        """Trains one model."""
        codes = {"ingest": ingest_code, "validate": validate_code, "transform": transform_code, "train": train_code}
        model = Model(
            name, folder, seed, schema, data, validation, transform_section, transform_module, model_section,
            model_module, source, codes, place,
        )  # fmt: skip
        examples, _, transformed, trained = _until_trained(model)
        return Trained(examples, transformed, trained)

    return pipeline


def _until_trained(model: Model) -> tuple[Any, Any, Any, Any]:
    """The artifacts of ingest, validate, transform and train, chained."""
    examples = model.examples().outputs["examples"]
    statistics = model.statistics(examples).outputs["statistics"]
    transformed = model.transformed(examples, statistics).outputs["transformed"]
    return examples, statistics, transformed, model.trained(transformed).outputs["model"]


def compile_pipeline(arguments: dict[str, Any], path: str | Path, pipeline: Any = None) -> None:
    """Writes a pipeline as KFP v2 IR YAML with its arguments as the defaults of its parameters.

    Args:
        arguments: by parameter.
        path: a file that ends in `.yaml`.
        pipeline: the whole one of this machine where it is not given.
    """
    compiler.Compiler().compile(pipeline or latticework(), str(path), pipeline_parameters=arguments)
