"""Run logs of other tools, read into a table of runs.

`find` says which files are logs of which tool. A module for each tool reads them into `records`,
`join` puts the pieces of a run together, and `table` makes a row for each evaluation.
"""
