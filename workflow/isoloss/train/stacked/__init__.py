"""Training of runs of one shape side by side, in one process of a GPU."""
