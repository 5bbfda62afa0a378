"""Where a published version can go besides the registry, one file each; importing this package makes all known."""

import importlib
import pkgutil

from components.push.targets.base import Published, Target

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["Published", "Target"]
