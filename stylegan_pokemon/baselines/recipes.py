"""What each earlier project trained and how. This module imports no torch.

Sources are what the projects' own reports say; where a report is silent, the paper that it follows decides
(DCGAN: Radford et al. 2015; progressive growing: Karras et al. 2017), and `assumed` says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from stylegan_pokemon.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """One system: networks, objective and optimiser."""

    name: str
    family: str  # "dcgan", "convgan" or "progan"
    description: str  # for --help
    assumed: str  # what their report does not say
    sizes: tuple[int, ...]  # resolutions that it can draw; of the others the data is resampled on load
    z_dim: int
    widths_G: tuple[int, ...]  # channels from 4×4 up; the last one feeds the picture
    widths_D: tuple[int, ...]  # channels from the picture down
    batch: int
    lr_G: float
    lr_D: float
    betas: tuple[float, float]
    # The objective: binary cross-entropy towards these labels, drawn evenly from [low, high].
    real_labels: tuple[float, float] = (1.0, 1.0)
    fake_labels: tuple[float, float] = (0.0, 0.0)
    generator_label: float = 1.0
    inverted: bool = False  # real is 0 and fake is 1
    flipped: float = 0.0  # share of the discriminator's labels that are swapped
    skip_above: float | None = None  # D is not trained where its mean score on fakes is at least this
    dropout: float = 0.0  # in the discriminator
    critic: bool = False  # WGAN-GP's losses of scores, instead of labels
    linear_head: bool = False  # the discriminator ends in a linear layer instead of a 4×4 convolution

    def size(self, data_resolution: int, asked: int | None = None) -> int:
        """The resolution to train at: the one asked for, else the largest that the data has room for.

        Raises UserError for a size that the system cannot draw.
        """
        if asked is not None:
            if asked not in self.sizes:
                instead = "give one of these, or leave --size out" if len(self.sizes) > 1 else "leave it out"
                raise UserError(f"--size {asked}: {self.name} draws {_listed(self.sizes)}; {instead}")
            return asked
        fitting = [size for size in self.sizes if size <= data_resolution]
        return max(fitting, default=min(self.sizes))


def _listed(sizes: tuple[int, ...]) -> str:
    return " or ".join(f"{size}×{size}" for size in sizes)


_ADAM = (0.5, 0.999)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="dcgan64",
            family="dcgan",
            description="DCGAN at 64×64, 100 latents, batch 128 (Bennion)",
            assumed="batch norm, ReLU and leaky ReLU 0.2, weights from N(0, 0.02): the DCGAN paper's",
            sizes=(64,),
            z_dim=100,
            widths_G=(512, 256, 128, 64),
            widths_D=(64, 128, 256, 512),
            batch=128,
            lr_G=2e-4,
            lr_D=2e-4,
            betas=_ADAM,
        ),
        Recipe(
            name="dcgan64-balanced",
            family="dcgan",
            description="thin DCGAN with inverted labels whose discriminator waits when it wins "
            "(New Pokémon Generation)",
            assumed="batch 128, Adam, batch norm and weights as dcgan64; 0 + 0.2 is read as the label 0.2",
            sizes=(64,),
            z_dim=64,
            widths_G=(128, 128, 128, 64),
            widths_D=(64, 128, 128, 128),
            batch=128,
            lr_G=2e-4,
            lr_D=2e-4,
            betas=_ADAM,
            real_labels=(0.2, 0.2),
            fake_labels=(1.0, 1.0),
            generator_label=0.0,
            inverted=True,
            skip_above=0.95,
            linear_head=True,
        ),
        Recipe(
            name="dcgan-tricks",
            family="dcgan",
            description="DCGAN with soft and flipped labels, dropout, and a discriminator that learns twice "
            "as fast, at 28, 64 or 128 (PokéGAN)",
            assumed="widths, latents and batch norm as dcgan64, with the blocks that the size needs; batch "
            "32, since small sets give too few steps of 128 to learn with such labels; dropout of whole "
            "maps after every block of the discriminator. 64×64 is ours: theirs were 28×28 and 128×128, of "
            "sprites cropped as by dataset_tool convert --trim",
            sizes=(28, 64, 128),
            z_dim=100,
            widths_G=(512, 256, 128, 64),
            widths_D=(64, 128, 256, 512),
            batch=32,
            lr_G=1e-4,
            lr_D=2e-4,
            betas=_ADAM,
            real_labels=(0.7, 1.0),
            fake_labels=(0.0, 0.3),
            flipped=0.05,
            dropout=0.5,
        ),
        Recipe(
            name="convgan120",
            family="convgan",
            description="three transposed convolutions against two convolutions with dropout, at 120×120 "
            "(Pokemon GAN)",
            assumed="widths and kernels of 5: those of TensorFlow's DCGAN tutorial, which it resembles, but "
            "Adam as dcgan64's, with which it learns sooner; batch 32; weights from N(0, 0.02) as the other "
            "DCGANs here; a linear layer to 15×15 before the generator's blocks, a convolution to colours "
            "after them, and a linear layer after the discriminator's",
            sizes=(120,),
            z_dim=100,
            widths_G=(256, 128, 64),
            widths_D=(64, 128),
            batch=32,
            lr_G=2e-4,
            lr_D=2e-4,
            betas=_ADAM,
            dropout=0.3,
        ),
        Recipe(
            name="progan",
            family="progan",
            description="progressive growing from 32×32 to 64 or 128 with fade-in and equalised learning "
            "rate (PokéGAN)",
            assumed="WGAN-GP, pixel norm and minibatch deviation as in the paper; 128 channels and fewer, "
            "and phases of equal length, so that a CPU can train it",
            sizes=(32, 64, 128),
            z_dim=128,
            widths_G=(128, 128, 128, 64, 32, 16),  # at 4, 8, 16, 32, 64, 128
            widths_D=(16, 32, 64, 128, 128, 128),
            batch=16,
            lr_G=1e-3,
            lr_D=1e-3,
            betas=(0.0, 0.99),
            critic=True,
        ),
    )
}


def recipe_of(name: str) -> Recipe:
    """The recipe of that name. Raises UserError that lists the names there are."""
    if name not in RECIPES:
        raise UserError(f"there is no system called {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


@dataclass(frozen=True)
class Stage:
    """A phase of progressive growing."""

    resolution: int
    alpha: float  # share of the new layers in the picture, 1 when they have faded in


FIRST_RESOLUTION = 32  # of progressive growing


def stage_of(images_shown: int, stage_kimg: float, img_resolution: int) -> Stage:
    """Progressive growing after so many pictures: 32, fade to 64, 64, fade to 128, … (Karras et al. 2017).

    Every phase, fading or not, takes `stage_kimg` thousand pictures, the last one all that are left.
    """
    phase, within = divmod(images_shown, max(round(stage_kimg * 1000), 1))
    grown = (phase + 1) // 2
    resolution = FIRST_RESOLUTION << grown if grown < 32 else img_resolution
    if resolution > img_resolution:
        return Stage(img_resolution, 1.0)
    fading = phase % 2 == 1
    return Stage(resolution, within / max(round(stage_kimg * 1000), 1) if fading else 1.0)


def stages(img_resolution: int) -> int:
    """How many phases progressive growing has up to a resolution."""
    return 2 * (img_resolution // FIRST_RESOLUTION).bit_length() - 1
