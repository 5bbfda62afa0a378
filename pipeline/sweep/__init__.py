"""A search over values of a spec: Optuna chooses, the training pipeline tries."""
