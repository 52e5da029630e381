"""Training: one run in, its learning curve and its final row out."""
