"""Columns to features and labels."""
