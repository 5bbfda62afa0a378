"""Rows of any source to columnar splits."""
