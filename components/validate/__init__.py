"""Statistics, schema, anomalies."""
