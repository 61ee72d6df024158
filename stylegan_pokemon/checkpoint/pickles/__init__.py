"""Pickles of the official programs: read as inert data, written without Python's pickler."""
