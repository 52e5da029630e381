"""The figures of Kaplan et al. (2020, arXiv:2001.08361), made from a study's own runs."""
