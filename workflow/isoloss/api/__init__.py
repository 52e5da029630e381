"""Runs, their fit, and its answers: what a notebook and the command line share.

    import isoloss

    runs = isoloss.read_runs("losses.csv")     # Runs: the rows that count, with their units
    fit = isoloss.fit(runs)                    # Fit: parameters with intervals, a verdict, a figure
    fit.optimal(1e21)                          # Optimal: N*, D* and the loss at a budget
    fit.predict(n_params=1e9, n_tokens=2e10)   # Predictions: losses, or the compute of a loss
    fit.next(target=1e21, budget=1e19)         # NextRuns: which runs to do next
    fit.compare("other.csv")                   # Compared: the speed-up of another recipe

`isoloss fit`, `optimal`, `predict`, `next` and `compare` parse arguments, call these functions and
print what they return. So a number from Python is that of the command.
"""
