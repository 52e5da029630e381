"""Figures of published laws and models: they need no runs."""
