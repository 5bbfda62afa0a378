"""KServe: an InferenceService (serving.kserve.io/v1beta1) that serves the version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from components.push.targets.base import Published, Target
from schemas import __version__
from schemas.errors import DataError
from schemas.section import Section

GROUP, API_VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"


class KServeSettings(Section):
    """How the version is served."""

    namespace: str = "default"
    """The namespace."""
    runtime: Literal["latticework", "tensorflow"] = "latticework"
    """Our server, which follows the registry's champion; or TF Serving, which serves this version alone."""
    image: str = f"latticework/serve:{__version__}"
    """Our server's image."""
    service_account: str | None = None
    """The service account whose secrets reach the registry."""
    min_replicas: int = 1
    """0 lets it sleep."""
    max_replicas: int = 3
    """How many there may be."""
    cpu: str = "1"
    """Of a replica."""
    memory: str = "2Gi"
    """Of a replica."""


class KServe(Target):
    """Writes the InferenceService, and applies it by the kubeconfig, or the pod's own service account."""

    name = "kserve"
    settings = KServeSettings

    def __init__(self, published: Published, given: Any) -> None:
        super().__init__(published, given)
        if "://" not in published.registry:
            raise DataError(f"{published.registry}: a cluster cannot reach a local folder; publish to s3://… or gs://…")

    def plan(self) -> list[dict[str, Any]]:
        """See Target."""
        published, given = self.published, self.given
        resources = {"cpu": given.cpu, "memory": given.memory}
        resources = {"requests": resources, "limits": resources}
        predictor: dict[str, Any] = {"minReplicas": given.min_replicas, "maxReplicas": given.max_replicas}
        if given.service_account:
            predictor["serviceAccountName"] = given.service_account
        if given.runtime == "tensorflow":
            # TF Serving looks for numbered folders below what it is given, and takes the highest.
            predictor["model"] = {
                "modelFormat": {"name": "tensorflow"}, "storageUri": published.location, "resources": resources,
            }  # fmt: skip
        else:
            predictor["containers"] = [{
                "name": "kserve-container",
                "image": given.image,
                "args": [published.name, f"--serving={published.registry}", "--host=0.0.0.0"],
                "ports": [{"containerPort": 8080, "name": "http1", "protocol": "TCP"}],
                "readinessProbe": {"httpGet": {"path": f"/v2/models/{published.name}/ready", "port": 8080}},
                "resources": resources,
                "securityContext": {
                    "runAsNonRoot": True, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
            }]  # fmt: skip
            predictor["volumes"] = [{"name": "scratch", "emptyDir": {}}]
        return [{
            "apiVersion": f"{GROUP}/{API_VERSION}",
            "kind": "InferenceService",
            "metadata": {
                "name": published.name,
                "namespace": given.namespace,
                "labels": {"app.kubernetes.io/managed-by": "latticework"},
                "annotations": {"latticework/version": str(published.version)},
            },
            "spec": {"predictor": predictor},
        }]  # fmt: skip

    def apply(self) -> Iterator[str]:
        """See Target."""
        from kubernetes import client, config

        try:
            config.load_config()
        except config.ConfigException as error:
            raise DataError(f"no cluster: {error}; set KUBECONFIG") from None
        api = client.CustomObjectsApi()
        (service,) = self.plan()
        where = (GROUP, API_VERSION, self.given.namespace, PLURAL)
        try:
            try:
                api.create_namespaced_custom_object(*where, service)
                done = "created"
            except client.ApiException as error:
                if error.status != 409:
                    raise
                api.patch_namespaced_custom_object(*where, self.published.name, service)
                done = "updated"
        except client.ApiException as error:
            raise DataError(f"the cluster refuses: {error.status} {error.reason}: {str(error.body)[:300]}") from None
        yield f"inferenceservice.{GROUP}/{self.published.name} {done} in namespace {self.given.namespace}"
