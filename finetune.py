"""Fine-tune StyleGAN2-ADA on a folder of sprites.

    python -m dataset_tool convert my_sprites/ my512.zip --resolution 512    # once: pictures to a dataset
    python finetune.py --data my512.zip --resume ffhq512 --dry-run           # what would happen
    python finetune.py --data my512.zip --resume ffhq512                     # train; then python generate.py

Without options it trains on sprites it draws itself, from the embedded checkpoint, on any machine.
"""

from dataset_tool.missing import packages_needed

if __name__ == "__main__":
    with packages_needed():
        from stylegan_pokemon.cli.finetune import main

        main()
