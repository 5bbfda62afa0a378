"""The KFP face of choose."""

from typing import List  # noqa: UP035  kfp reads no list[…] of artifacts

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/choose:{__version__}", install_kfp_package=False)
def choose(  # type: ignore[no-untyped-def]
    monitor: str, mode: str, trials: list, models: dsl.Input[List[dsl.Model]],  # noqa: UP006
    model: dsl.Output[dsl.Model], table: dsl.Output[dsl.Markdown],
):  # fmt: skip
    """Takes the best of the models of a search.

    Args:
        monitor: A value that train logged each epoch, such as val_loss; a model's best epoch counts.
        mode: Whether smaller (min) or larger (max) is better.
        trials: What each trial tried, by dotted key of the spec, as JSON.
        models: What train wrote, one for each trial.
        model: The best of them, with trials.json.
        table: All trials.
    """
    import json

    from schemas.running import run_task

    run_task(
        "choose", models=[one.path for one in models], output=model.path, table=table.path, monitor=monitor, mode=mode,
        trials=[json.loads(trial) for trial in trials],
    )  # fmt: skip
