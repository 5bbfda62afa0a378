"""The Functional model, fitted and exported."""
