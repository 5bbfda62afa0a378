"""The best of several trained models, as a step of a pipeline that searches."""
