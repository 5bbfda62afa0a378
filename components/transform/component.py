"""The KFP face of transform."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/transform:{__version__}", install_kfp_package=False)
def transform(  # type: ignore[no-untyped-def]
    transform: str, schema: str, module: str, code: str, statistics: dsl.Input[dsl.Artifact],
    examples: dsl.Input[dsl.Dataset], transformed: dsl.Output[dsl.Dataset],
):  # fmt: skip
    """Analyses the train split and writes features and labels of every split, and the graph.

    Args:
        transform: The spec's transform section, as JSON.
        schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
        module: The text of the Python module that the section names, or nothing.
        code: A digest of the component's code, so that changed code runs again.
        statistics: What validate wrote; bad data stops there.
        examples: What ingest wrote.
        transformed: Parquet parts of train, eval and test, transform_fn/ and features.json.
    """
    from schemas.running import run_task

    run_task(
        "transform", transform_json=transform, schema=schema, module=module, examples=examples.path,
        output=transformed.path,
    )  # fmt: skip
