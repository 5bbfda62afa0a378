"""The KFP face of push."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/push:{__version__}", install_kfp_package=False)
def push(  # type: ignore[no-untyped-def]
    name: str, directory: str, origin: str, run: str, model: dsl.Input[dsl.Model], evaluation: dsl.Input[dsl.Artifact],
    proof: dsl.Input[dsl.Artifact], published: dsl.Output[dsl.Artifact],
):  # fmt: skip
    """Publishes a blessed model as the next version of its name.

    Args:
        name: The model's name.
        directory: The folder of published models, or its URL.
        origin: A digest of all that the model was made of.
        run: The run's id, under which the version is kept with the published models; "" to keep none.
        model: What train wrote.
        evaluation: What evaluate wrote.
        proof: What the canary wrote.
        published: A file that names the version's folder.
    """
    from schemas.running import run_task

    run_task(
        "push", name=name, model=model.path, evaluation=evaluation.path, proof=proof.path, directory=directory,
        origin=origin, run=run, output=published.path,
    )  # fmt: skip
