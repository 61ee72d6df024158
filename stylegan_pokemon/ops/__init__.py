"""Operations of the networks: each closed under differentiation, each in any memory format.

Kernels compute them where there are some for the device, else plain PyTorch.
"""

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.cpu.build import for_device as for_cpu
from stylegan_pokemon.ops.cuda.trusted import for_device as for_card

backend.register(for_cpu)
backend.register(for_card)
