"""The report: one HTML file that holds every figure and every fitted number."""
