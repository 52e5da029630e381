"""What a study finds, typed: quantities, groups and verdicts, written and read in one place."""
