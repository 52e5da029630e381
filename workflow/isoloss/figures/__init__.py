"""Figures: tidy tables in, a figure and the table that it draws out. Nothing is fitted here."""
