"""Tables of numbers: reading them, what their columns mean, and the columns of our own."""
