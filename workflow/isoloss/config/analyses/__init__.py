"""Settings of analyses."""
