"""One room per component: `component.py` is its KFP face, `worker.py` the work."""
