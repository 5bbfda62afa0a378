"""The contracts between Latticework's rooms: the spec, the dataset schema, the artifact layouts.

Nothing here imports a component, the pipeline or TensorFlow.
"""

__version__ = "0.1.0"
