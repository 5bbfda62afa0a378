"""The `cluster` section: how the pipeline runs on Kubeflow Pipelines; a laptop takes no notice of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from schemas.section import Section

Step = Literal["resolve", "ingest", "validate", "transform", "train", "choose", "evaluate", "serve", "push", "notify"]
"""The components of the pipeline by their rooms; the canary is serve's."""
STEPS: tuple[Step, ...] = get_args(Step)
NEVER_CACHED: tuple[Step, ...] = ("resolve", "evaluate", "push", "notify")
"""They look at what changes while no argument of theirs does: the data's files, the version in service, the run."""
Outcome = Literal["published", "not blessed", "refused", "failed"]
WEBHOOK = "LATTICEWORK_WEBHOOK"
"""The environment variable with the webhook's URL: a secret, since who knows it can post."""
Quantity = Annotated[str, Field(pattern=r"^\d+(\.\d+)?([EPTGMK]i?|m)?$", coerce_numbers_to_str=True)]
Mount = Annotated[str, Field(pattern=r"^/.+")]
Text = Annotated[str, Field(coerce_numbers_to_str=True)]


class Toleration(Section):
    """A taint of nodes that a pod may run on all the same."""

    key: str | None = None
    """The taint's key; every key where it is not given."""
    operator: Literal["Equal", "Exists"] = "Exists"
    """Whether the value must be the same."""
    value: Text | None = None
    """The taint's value, for Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; every effect where it is not given."""
    seconds: Annotated[int, Field(ge=0)] | None = None
    """How long the pod stays on a node that is tainted with NoExecute."""

    @model_validator(mode="after")
    def _value_fits_operator(self) -> Toleration:
        if (self.operator == "Equal") != (self.value is not None):
            raise ValueError("`value` is given exactly when `operator` is Equal")
        return self


class SecretUse(Section):
    """A secret of the namespace, as variables of the environment or as files."""

    name: str
    """The secret's."""
    env: dict[str, str] = {}
    """By variable, the secret's key."""
    mount: Mount | None = None
    """A folder that has a file for each key."""

    @model_validator(mode="after")
    def _used(self) -> SecretUse:
        if not self.env and self.mount is None:
            raise ValueError(f"the secret '{self.name}' is not used; give `env` or `mount`")
        return self


class VolumeUse(Section):
    """A persistent volume claim of the namespace."""

    claim: str
    """The claim's name."""
    mount: Mount
    """Where the pod sees it."""
    sub_path: str = ""
    """The folder of it that is seen, the whole where it is empty."""


class Pod(Section):
    """How a component's pod runs."""

    cpu: Quantity | None = None
    """Cores, asked for and no more given: 2, 500m."""
    memory: Quantity | None = None
    """Memory, asked for and no more given: 8Gi."""
    ephemeral_storage: Quantity | None = None
    """Space for temporary files, an emptyDir at /tmp of at most this: 20Gi."""
    accelerator: str | None = None
    """The resource's name: nvidia.com/gpu."""
    accelerators: Annotated[int, Field(ge=1)] = 1
    """How many, where there is an `accelerator`."""
    node_selector: dict[str, Text] = {}
    """Labels that the node must have."""
    tolerations: list[Toleration] = []
    """Taints that the node may have."""
    environment: dict[str, Text] = {}
    """Variables of the environment; what is secret belongs into `secrets`."""
    secrets: list[SecretUse] = []
    """Secrets of the namespace."""
    volumes: list[VolumeUse] = []
    """Persistent volume claims of the namespace."""
    image: str | None = None
    """An image in place of the component's own; {tag} in it stands for the pipeline's parameter image_tag."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When the image is pulled."""
    image_pull_secrets: list[str] = []
    """Secrets of the image's registry."""
    timeout: Annotated[int, Field(ge=1)] | None = None
    """Seconds after which the pod is ended."""
    labels: dict[str, Text] = {}
    """Labels of the pod."""
    annotations: dict[str, Text] = {}
    """Annotations of the pod."""
    retries: Annotated[int, Field(ge=0, le=10)] | None = None
    """How often it is tried again when it fails, after 30 s, 60 s, 120 s …; 2 by default, and never for resolve, which
    finds the mistakes of a run's parameters."""
    cache: bool | None = None
    """Whether an earlier result of the same arguments is taken; true by default where that is safe."""

    def over(self, common: Pod) -> Pod:
        """This pod's settings over those that are common to all: mappings and lists are added up."""
        whole: dict[str, Any] = {}
        for name in Pod.model_fields:
            own, other = getattr(self, name), getattr(common, name)
            if isinstance(own, dict):
                whole[name] = {**other, **own}
            elif isinstance(own, list):
                whole[name] = [*other, *own]
            else:
                whole[name] = own if name in self.model_fields_set else other
        return Pod.model_construct(**whole)


class Webhook(Section):
    """Where the outcome of each run is posted to, as JSON whose `text` Slack, Mattermost and Teams show."""

    secret: str
    """The secret of the namespace that has the URL."""
    key: str = "url"
    """The secret's key."""
    outcomes: list[Outcome] = []
    """The outcomes that are posted; all where it is empty."""


class Cluster(Section):
    """How the pipeline runs on Kubeflow Pipelines."""

    registry: str = ""
    """Where the images are, as `make push REGISTRY=…` put them: ghcr.io/acme."""
    root: str | None = None
    """Where KFP keeps the artifacts: s3://bucket/pipelines, gs://…; by default where the cluster keeps them."""
    folder: Mount = "/data"
    """Where relative paths of the spec start in a pod: mount a volume there."""
    webhook: Webhook | None = None
    """Who is told how a run ended."""
    pod: Pod = Pod()
    """Settings of every component's pod."""
    components: dict[Step, Pod] = {}
    """Settings of one component's pod, over those of all."""

    @model_validator(mode="after")
    def _cached_where_it_is_safe(self) -> Cluster:
        for step in NEVER_CACHED:
            if step in self.components and self.components[step].cache:
                raise ValueError(
                    f"components.{step}.cache: {step} runs each time, or it would not see what has changed"
                )
        return self

    def pod_of(self, step: Step) -> Pod:
        """The settings of a component's pod."""
        return self.components.get(step, Pod()).over(self.pod)
