"""The networks that are trained, each with its exact size and its exact cost."""
