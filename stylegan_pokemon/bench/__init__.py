"""Benchmarks: what the speed and memory figures in the documentation come from."""
