"""What computes the steps of a training: PyTorch, or the native kernel."""
