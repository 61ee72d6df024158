"""Operations of the networks: each closed under differentiation, each in any memory format.

Kernels serve them where there are some for the device, plain PyTorch elsewhere.
"""

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.cpu.build import provide as for_the_cpu
from stylegan_pokemon.ops.cuda.provide import provide as for_cards

backend.register(for_the_cpu)
backend.register(for_cards)
