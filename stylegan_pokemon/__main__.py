"""`python -m stylegan_pokemon`."""

from dataset_tool.missing import packages_needed

with packages_needed():
    from stylegan_pokemon.cli.main import main

    main()
