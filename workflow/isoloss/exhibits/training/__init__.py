"""How the runs were trained: learning rates, batches, seeds, cooldowns."""
