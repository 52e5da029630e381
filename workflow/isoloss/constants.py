"""Numbers that several modules share, each with its unit and its source."""

# C = 6 N D: two FLOP forward and four backward for each parameter and token.
# Kaplan et al. (2020, arXiv:2001.08361), Sec. 2.1.
FLOPS_PER_PARAM_TOKEN = 6.0

# A PF-day is 1e15 FLOP a second for a day: 8.64e19 FLOP. Kaplan et al. (2020), Sec. 1.3.
FLOPS_PER_PF_DAY = 1e15 * 86_400

# The CPU launches the hundred or so kernels of a GPU's training step in this time: a guess, not
# measured.
LAUNCH_S = 2e-3
