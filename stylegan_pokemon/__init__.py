"""Fine-tune StyleGAN2-ADA on a folder of sprites. Importing this package imports neither torch nor NumPy."""

from stylegan_pokemon._version import __version__

__all__ = ["__version__"]
