"""Where data work runs: a profile names the engine and its settings, and a Beam pipeline is made of it."""

from schemas.engines.dataflow import Dataflow
from schemas.engines.direct import LAPTOP, Direct
from schemas.engines.portable import Flink, Portable, Prism, Spark
from schemas.engines.profile import PROFILE, Profile, engine_of_task, load_profile, read_profile

__all__ = [
    "LAPTOP",
    "PROFILE",
    "Dataflow",
    "Direct",
    "Flink",
    "Portable",
    "Prism",
    "Profile",
    "Spark",
    "engine_of_task",
    "load_profile",
    "read_profile",
]
