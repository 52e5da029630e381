"""Tables of runs: collected from their files, or imported from a table of the user's."""
