"""Operations of the networks: each closed under differentiation, each in any memory format.

Kernels serve them where there are some for the device, plain PyTorch elsewhere.
"""

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.cpu.build import provide

backend.register(provide)
