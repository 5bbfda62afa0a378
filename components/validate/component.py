"""The KFP face of validate."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/validate:{__version__}", install_kfp_package=False)
def validate(  # type: ignore[no-untyped-def]
    rules: str, schema: str, stop: bool, code: str, examples: dsl.Input[dsl.Dataset],
    statistics: dsl.Output[dsl.Artifact], anomalies: dsl.Output[dsl.HTML],
) -> bool:  # fmt: skip
    """Computes statistics of every split and checks them against the schema.

    Args:
        rules: The spec's validate section, as JSON.
        schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
        stop: Whether anomalies as grave as `stop_at` make the task fail; otherwise it only says so.
        code: A digest of the component's code, so that changed code runs again.
        examples: What ingest wrote.
        statistics: statistics.pb, schema.pbtxt, anomalies.pb, anomalies.html, with a manifest.
        anomalies: The page of the anomalies.

    Returns:
        Whether no anomaly is as grave as `stop_at`.
    """
    import shutil

    from schemas.artifacts import read_manifest
    from schemas.running import run_task

    run_task("validate", rules=rules, schema=schema, stop=stop, examples=examples.path, output=statistics.path)
    shutil.copyfile(f"{statistics.path}/anomalies.html", anomalies.path)
    return bool(read_manifest(statistics.path, "validate")["sound"])
