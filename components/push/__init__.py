"""A blessed model, published."""
