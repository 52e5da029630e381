"""Tables of runs: collected from the runs' files, or imported from a user's table."""
