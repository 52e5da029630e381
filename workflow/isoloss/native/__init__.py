"""Training steps of small models in C++: the same bytes on every processor, without PyTorch."""
