"""Learning curves under schedules of the learning rate: fit some, predict others."""
