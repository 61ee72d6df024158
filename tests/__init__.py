"""The tests share their machine as the commands do: this is read before anything loads PyTorch."""

import os

from stylegan_pokemon.cli.threads import share_cores

share_cores(os.environ)
