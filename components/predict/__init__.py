"""Predict: a published model on many rows at once, by Beam's RunInference."""
