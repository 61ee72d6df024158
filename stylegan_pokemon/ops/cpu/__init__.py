"""Kernels for the CPU: C++ sources, compiled once per machine, and the calls into them."""
