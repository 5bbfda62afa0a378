"""The KFP face of validate."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/validate:{__version__}", install_kfp_package=False)
def validate(  # type: ignore[no-untyped-def]
    rules: str, schema: str, code: str, examples: dsl.Input[dsl.Dataset], statistics: dsl.Output[dsl.Artifact]
):
    """Computes statistics of every split and checks them against the schema.

    Args:
        rules: The spec's validate section, as JSON.
        schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
        code: A digest of the component's code, so that changed code runs again.
        examples: What ingest wrote.
        statistics: statistics.pb, schema.pbtxt, anomalies.pb, anomalies.html, with a manifest.
    """
    from schemas.running import run_task

    run_task("validate", rules=rules, schema=schema, examples=examples.path, output=statistics.path)
