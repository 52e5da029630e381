"""The networks that runs train, each with an exact count of parameters and FLOPs."""
