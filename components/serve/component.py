"""The KFP face of serve: the canary that a model must pass before it is published."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/serve:{__version__}", install_kfp_package=False)
def canary(  # type: ignore[no-untyped-def]
    name: str, code: str, examples: dsl.Input[dsl.Dataset], model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact], proof: dsl.Output[dsl.Artifact],
):  # fmt: skip
    """Loads a blessed model as the server does and asks it real rows; its answers must be those that were judged.

    Args:
        name: The model's name.
        code: A digest of the component's code, so that changed code runs again.
        examples: What ingest wrote.
        model: What train wrote.
        evaluation: What evaluate wrote.
        proof: What it answered, and the warm-up requests for TF Serving.
    """
    from schemas.running import run_task

    run_task(
        "serve", name=name, examples=examples.path, model=model.path, evaluation=evaluation.path, output=proof.path
    )
