"""Regression of a known function by a fully connected network."""
