"""The KFP face of evaluate."""

from kfp import dsl

from schemas import __version__


@dsl.component(base_image=f"latticework/evaluate:{__version__}", install_kfp_package=False)
def evaluate(  # type: ignore[no-untyped-def]
    evaluation_section: str, schema: str, spec: str, name: str, directory: str, champion: str, run: str, code: str,
    examples: dsl.Input[dsl.Dataset], statistics: dsl.Input[dsl.Artifact], transformed: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model], evaluation: dsl.Output[dsl.Artifact], metrics: dsl.Output[dsl.Metrics],
    report: dsl.Output[dsl.HTML], curves: dsl.Output[dsl.ClassificationMetrics], verdict: dsl.Output[dsl.Markdown],
) -> bool:  # fmt: skip
    """Proves that the exported model answers as the trained one, judges it, and says whether it is blessed.

    Args:
        evaluation_section: The spec's evaluate section, as JSON.
        schema: The dataset schema, a tensorflow.metadata.v0.Schema as text proto.
        spec: The spec, for the report.
        name: The model's name.
        directory: The folder of published models, where the version in service is found.
        champion: The version to compare with and a digest of it, "none", or "" for the one in service now.
        run: The run's id, under which the verdict is kept with the published models; "" to keep none.
        code: A digest of the component's code, so that changed code runs again.
        examples: What ingest wrote.
        statistics: What validate wrote.
        transformed: What transform wrote.
        model: What train wrote.
        evaluation: metrics.json, verdict.json, report.html and tfma/.
        metrics: The metrics of all rows of the test split.
        report: The report.
        curves: ROC and confusion matrix of the first output that has classes.
        verdict: The rules with their figures.

    Returns:
        Whether the model keeps all thresholds.
    """
    import json
    import shutil
    from pathlib import Path

    from schemas.artifacts import read_manifest
    from schemas.running import run_task

    run_task(
        "evaluate", evaluation=evaluation_section, schema=schema, spec=spec, name=name, directory=directory, champion=champion, run=run,
        examples=examples.path, statistics=statistics.path, transformed=transformed.path, model=model.path, output=evaluation.path,
    )  # fmt: skip
    shutil.copyfile(f"{evaluation.path}/report.html", report.path)
    judged = read_manifest(evaluation.path, "evaluate")
    for output, values in judged["metrics"].items():
        for name, value in values.items():
            metrics.log_metric(f"{output}_{name}", value)
    for found in judged["kfp"].values():
        if "roc" in found and "confidenceMetrics" not in curves.metadata:
            fpr, tpr, thresholds = zip(*found["roc"], strict=True)
            curves.log_roc_curve(list(fpr), list(tpr), list(thresholds))
        if "confusion" in found and "confusionMatrix" not in curves.metadata:
            curves.log_confusion_matrix(found["confusion"]["classes"], found["confusion"]["counts"])
    shutil.copyfile(f"{evaluation.path}/verdict.md", verdict.path)
    # kfp's local cache takes an artifact without a file for one that was lost.
    for written in (metrics, curves):
        Path(written.path).write_text(json.dumps(written.metadata), encoding="utf-8")
    return bool(judged["verdict"]["blessed"])
