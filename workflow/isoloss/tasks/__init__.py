"""What the models learn: each task builds its model, its data and its losses for one run."""
