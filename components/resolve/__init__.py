"""What a retraining is about, found out when it begins: the data, the version in service."""
