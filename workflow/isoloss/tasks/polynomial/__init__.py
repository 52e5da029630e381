"""Least-squares polynomials in closed form."""
