"""Pictures in, dataset zip out. Imports neither torch nor the training package."""

__version__ = "0.1.0"
