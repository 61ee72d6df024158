"""Pictures in, dataset zip out: convert, inspect, fetch and forge. Imports neither torch nor the training package."""

__version__ = "0.1.0"
