"""The KFP face of notify: the exit handler of a pipeline."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/notify:{__version__}", install_kfp_package=False)
def notify(  # type: ignore[no-untyped-def]
    name: str, directory: str, run: str, outcomes: list, status: dsl.PipelineTaskFinalStatus,
    summary: dsl.Output[dsl.Markdown],
):  # fmt: skip
    """Tells how a run ended: a summary, and a post to the webhook of the environment's LATTICEWORK_WEBHOOK.

    Args:
        name: The model's name.
        directory: The folder of published models, or its URL.
        run: The run's id.
        outcomes: Those that are posted (published, not blessed, refused, failed), all where it is empty.
        status: How the pipeline ended.
        summary: What it came to.
    """
    import shutil
    import tempfile

    from schemas.running import run_task

    with tempfile.TemporaryDirectory() as scratch:
        run_task(
            "notify", name=name, directory=directory, run=run, outcomes=outcomes, state=status.state,
            error=status.error_message or "", output=f"{scratch}/summary",
        )  # fmt: skip
        shutil.copyfile(f"{scratch}/summary/summary.md", summary.path)
