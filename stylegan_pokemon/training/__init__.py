"""Training: the resolved configuration, losses, the loop, run state."""
