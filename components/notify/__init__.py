"""How a retraining ended, told to people."""
