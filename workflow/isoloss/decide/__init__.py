"""Decisions: which runs to do next, so that a number at a target budget is known best."""
