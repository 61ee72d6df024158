"""`python -m stylegan_pokemon`."""

from stylegan_pokemon.cli.main import main

main()
