"""A checkpoint's weights into the networks of a run."""
