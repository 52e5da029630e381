"""The plan: which runs the studies need, who each run is, and what it will cost. Pure functions."""
