"""Training: a run's settings in, its learning curve and its final row out."""
