"""Tables of numbers: how to read them, the meaning of their columns, and our own columns."""
