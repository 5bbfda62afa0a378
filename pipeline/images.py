"""The components' images: their names, and a tag that says what is in them."""

from __future__ import annotations

import hashlib

from pipeline.digests import HOUSE
from schemas import __version__

WENT_IN = ("components", "schemas", "requirements")


def image(component: str, tag: str, registry: str = "") -> str:
    """The name of a component's image: `ghcr.io/acme/latticework/train:0.1.0-1a2b…`.

    Args:
        component: its room's name.
        tag: what `image_tag` gives, or a placeholder that KFP fills in.
        registry: host and path in front, nothing for images of this machine.
    """
    return f"{registry.rstrip('/')}/latticework/{component}:{tag}".lstrip("/")


def image_tag() -> str:
    """The version and a digest of all that the images are built from; the version alone where that is not at hand."""
    if not (HOUSE / "requirements/install.sh").exists():
        return __version__
    total = hashlib.sha256()
    for path in sorted(path for folder in WENT_IN for path in (HOUSE / folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(str(path.relative_to(HOUSE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{__version__}-{total.hexdigest()[:12]}"


if __name__ == "__main__":
    print(image_tag())
