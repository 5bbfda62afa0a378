"""The KFP face of ingest."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/ingest:{__version__}", install_kfp_package=False)
def ingest(data: str, schema: str, folder: str, seed: int, source: str, code: str, examples: dsl.Output[dsl.Dataset]):  # type: ignore[no-untyped-def]
    """Reads rows of any source and writes columnar splits.

    Args:
        data: The spec's data section, as JSON.
        schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
        folder: Where relative paths of the data section start.
        seed: The seed of the split by hash.
        source: A digest of the source's files, so that changed data is read again.
        code: A digest of the component's code, so that changed code runs again.
        examples: Parquet parts of train, eval, test and quarantine, with a manifest.
    """
    from schemas.running import run_task

    run_task("ingest", data=data, schema=schema, folder=folder, seed=seed, output=examples.path)
