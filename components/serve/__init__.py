"""Serve: the champion of a model, asked over the open inference protocol; and the canary that it must pass first."""
