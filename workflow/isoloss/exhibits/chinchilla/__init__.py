"""Compute-optimal allocation by the three approaches of Hoffmann et al. (2022)."""
