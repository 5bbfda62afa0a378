"""The roof: the KFP pipeline, the local runner and the command line."""
