"""Repeat a random string of characters after a separator."""
