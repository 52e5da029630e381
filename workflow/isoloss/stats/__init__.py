"""Numerics that several packages share: pure functions of arrays, each with its source."""
