"""Adaptive discriminator augmentation (Karras et al. 2020): transforms, their parameters, the controller."""
