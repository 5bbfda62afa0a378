"""The formats ingest reads, one file each. Importing this package makes every format known by its name."""

import importlib
import pkgutil

from schemas.formats.base import Format

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["Format"]
