"""Numerics that several parts share: pure functions of arrays, each with its source."""
