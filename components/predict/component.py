"""The KFP face of predict."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/predict:{__version__}", install_kfp_package=False)
def predict(  # type: ignore[no-untyped-def]
    source: str, folder: str, name: str, directory: str, predictions: dsl.Output[dsl.Dataset], version: int = 0,
    schema: str = "",
):  # fmt: skip
    """Predicts every row of a source by a published model.

    Args:
        source: Where the rows are and which columns are carried through, as JSON (see `schemas.spec.prediction`).
        folder: Where relative paths of the source start.
        name: The model's name.
        directory: The folder of published models, or its URL.
        predictions: Columnar predictions beside their keys; rows that cannot be read, in quarantine.
        version: Of the model; the one in service where it is 0.
        schema: A tensorflow.metadata.v0.Schema as text proto, for the types of keys that the model does not take.
    """
    from schemas.running import run_task

    run_task(
        "predict", source=source, folder=folder, name=name, directory=directory, output=predictions.path,
        version=version, schema=schema,
    )  # fmt: skip
