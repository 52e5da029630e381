"""What jobs and the workflow share at run time: locks, progress, workers, fingerprints."""
