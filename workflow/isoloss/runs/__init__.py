"""Tables of runs: collected from the runs' files, or imported from a user's table."""

RUN_FILES = ("row.json", "curve.parquet", "about.json")  # of a finished run, in its folder
