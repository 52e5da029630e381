"""The runs of a study, and of all studies, as tables."""
