"""The steps of a pipeline and how data flows between them, whatever starts the pipeline and wherever it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kfp import dsl

from components.evaluate.component import evaluate
from components.ingest.component import ingest
from components.push.component import push
from components.serve.component import canary
from components.train.component import train
from components.transform.component import transform
from components.validate.component import validate

Value = Any
"""What a step is given: a plain value, a parameter of the pipeline, or an output of a step."""
Place = Callable[[dsl.PipelineTask, str], dsl.PipelineTask]
"""Says how a task runs (its image, its resources …), given the task and its room's name; returns the task."""


def anywhere(task: dsl.PipelineTask, _: str) -> dsl.PipelineTask:
    """A task that runs as the runner likes."""
    return task


@dataclass(frozen=True)
class Model:
    """All that a model is made of.

    Attributes:
        name, folder, seed, schema, data, validation, transform_section, transform_module, model_section, model_module,
            source: see `pipeline.definition.latticework`.
        codes: by room, a digest of its code.
        place: how each task runs.
    """

    name: Value
    folder: Value
    seed: Value
    schema: Value
    data: Value
    validation: Value
    transform_section: Value
    transform_module: Value
    model_section: Value
    model_module: Value
    source: Value
    codes: dict[str, Value]
    place: Place = anywhere

    def examples(self) -> Any:
        """The task that reads the source."""
        return self.place(
            ingest(
                data=self.data, schema=self.schema, folder=self.folder, seed=self.seed, source=self.source,
                code=self.codes["ingest"],
            ),
            "ingest",
        )  # fmt: skip

    def statistics(self, examples: Any, *, stop: bool = True) -> Any:
        """The task that looks at the examples; unless told to `stop` it says what it found and lets others decide."""
        return self.place(
            validate(
                rules=self.validation, schema=self.schema, stop=stop, code=self.codes["validate"], examples=examples
            ),
            "validate",
        )

    def transformed(self, examples: Any, statistics: Any) -> Any:
        """The task that makes features and labels."""
        return self.place(
            transform(
                transform=self.transform_section, schema=self.schema, module=self.transform_module,
                code=self.codes["transform"], statistics=statistics, examples=examples,
            ),
            "transform",
        )  # fmt: skip

    def trained(self, transformed: Any) -> Any:
        """The task that trains."""
        return self.place(
            train(
                model_section=self.model_section, schema=self.schema, name=self.name, seed=self.seed,
                module=self.model_module, code=self.codes["train"], transformed=transformed,
            ),
            "train",
        )  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """How a model is judged and where it goes.

    Attributes:
        evaluation_section, spec, directory, champion, origin: see `pipeline.definition.latticework`.
        run: the run's id, under which the verdict is kept with the published models; "" to keep none.
    """

    model: Model
    evaluation_section: Value
    spec: Value
    directory: Value
    champion: Value
    origin: Value
    run: Value = ""

    def judged(self, examples: Any, statistics: Any, transformed: Any, model: Any) -> Any:
        """The task that judges the model."""
        return self.model.place(
            evaluate(
                evaluation_section=self.evaluation_section, schema=self.model.schema, spec=self.spec,
                name=self.model.name, directory=self.directory, champion=self.champion, run=self.run,
                code=self.model.codes["evaluate"], examples=examples, statistics=statistics, transformed=transformed,
                model=model,
            ),
            "evaluate",
        )  # fmt: skip

    def published(self, examples: Any, model: Any, judged: Any) -> None:
        """The tasks that try a blessed model out and publish it; nothing where it is not blessed."""
        with dsl.If(judged.outputs["Output"] == True, name="blessed"):  # noqa: E712  kfp builds a condition of it
            tried = self.model.place(
                canary(
                    name=self.model.name, code=self.model.codes["serve"], examples=examples, model=model,
                    evaluation=judged.outputs["evaluation"],
                ),
                "serve",
            )  # fmt: skip
            self.model.place(
                push(
                    name=self.model.name, directory=self.directory, origin=self.origin, model=model,
                    run=self.run, evaluation=judged.outputs["evaluation"], proof=tried.outputs["proof"],
                ),
                "push",
            ).set_caching_options(enable_caching=False)  # fmt: skip
