"""Code that jobs and the workflow share at run time: locks, progress, worker pool, fingerprints."""
