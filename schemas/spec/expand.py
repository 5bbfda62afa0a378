"""A model section without its preset: the same graph, written out."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.artifacts import Feature
from schemas.spec.layers import Block, Layer
from schemas.spec.model import Model
from schemas.spec.preset import Target
from schemas.spec.training import PartOptimizer


def expanded(model: Model, features: Mapping[str, Feature], labels: Mapping[str, Feature]) -> Model:
    """The model with the preset's nodes after its own.

    Args:
        model: the section; without a preset it is given back.
        features: by name, what transform makes.
        labels: by name, what the outputs predict.

    Raises:
        DataError: the features are not what the preset needs.
    """
    preset = model.preset
    if preset is None:
        return model
    taken = {member for layer in model.layers for member in layer.members_read(model.groups)}
    taken |= {output.sample_weight for output in model.outputs.values() if output.sample_weight}
    names = preset.features
    if names is None:
        names = [name for name, f in features.items() if name not in taken and (f.is_ids or not f.inner)]
    chosen = {member: features[member] for name in names for member in model.members(name) if member in features}
    targets = {
        label: Target(output.task, labels[label].size)
        for label, output in model.outputs.items()
        if not output.layer and label in labels
    }
    made = preset.expand(chosen, targets)
    outputs = {
        label: output.model_copy(update={"layer": output.layer or made.heads.get(label, "")})
        for label, output in model.outputs.items()
    }
    training = model.training
    if not training.optimizers:
        parts = [PartOptimizer.model_validate(part) for part in made.optimizers]
        training = training.model_copy(update={"optimizers": parts})
    return model.model_copy(
        update={
            "preset": None,
            "layers": [*model.layers, *(Layer.model_validate(layer) for layer in made.layers)],
            "blocks": {**{name: Block.model_validate(block) for name, block in made.blocks.items()}, **model.blocks},
            "outputs": outputs,
            "training": training,
        }
    )
