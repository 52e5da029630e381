"""What is made of a study's runs beside fitted laws, as one tidy table."""
