"""Kubeflow Pipelines as a service: connecting to it, uploading, running, watching, scheduling."""
