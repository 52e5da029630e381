"""Figures of any runs and fits: loss against what varies, and against theory."""
