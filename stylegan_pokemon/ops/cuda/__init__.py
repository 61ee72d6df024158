"""Kernels for CUDA cards: one source, compiled for the card at hand by the NVRTC that PyTorch brings."""
