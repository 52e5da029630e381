"""Predict the next token of a corpus."""
