"""The KFP face of train."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/train:{__version__}", install_kfp_package=False)
def train(  # type: ignore[no-untyped-def]
    model_section: str, schema: str, name: str, seed: int, module: str, code: str,
    transformed: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model],
):  # fmt: skip
    """Fits the Functional model and exports it with the transform graph inside.

    Args:
        model_section: The spec's model section, as JSON.
        schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
        name: The model's name.
        seed: The seed of weights, dropout and row order.
        module: The text of the Python module that the section names, or nothing.
        code: A digest of the component's code, so that changed code runs again.
        transformed: What transform wrote.
        model: model.keras, saved_model/, history.csv, model.svg and tensorboard/.
    """
    from schemas.running import run_task

    run_task(
        "train", model=model_section, schema=schema, name=name, seed=seed,
        module=module, transformed=transformed.path, output=model.path,
    )  # fmt: skip
