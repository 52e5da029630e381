"""The plan: the runs that the studies need, their identities and their costs. Pure functions."""
