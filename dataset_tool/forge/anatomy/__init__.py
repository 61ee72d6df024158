"""Body plans: every function draws one kind of creature into a draft, facing right.

`PLANS` lists them with the elemental types that suit them and the endings their names may have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dataset_tool.forge.anatomy import beasts, birds, insects, menagerie, plants, reptiles, sea, spirits
from dataset_tool.forge.draft import Draft


@dataclass(frozen=True)
class Plan:
    """How to draw a kind of creature, the types it occurs in, the last syllables of its names."""

    draw: Callable[[Draft], None]
    types: tuple[str, ...]
    endings: tuple[str, ...]


def _plan(draw: Callable[[Draft], None], types: str, endings: str) -> Plan:
    return Plan(draw, tuple(types.split()), tuple(endings.split()))


PLANS: dict[str, Plan] = {
    # beasts
    "fox": _plan(beasts.fox, "fire normal ice dark fairy electric psychic", "vix tod fennet renard brush"),
    "bunny": _plan(beasts.bunny, "normal fairy ice electric fighting", "hop lop bun cotton thump"),
    "deer": _plan(beasts.deer, "grass normal fairy ice psychic", "elk fawn antler buck doe"),
    "mole": _plan(beasts.mole, "ground steel rock ground", "mole dig burrow claw delve"),
    "bear": _plan(beasts.bear, "fighting normal ice ground fighting", "urs cub bruin paw grizz"),
    "mouse": _plan(beasts.mouse, "electric normal poison steel", "mouse squeak nib whisk scurry"),
    "cat": _plan(menagerie.cat, "psychic dark normal ghost steel", "purr mew kit whisker tabby"),
    "elephant": _plan(menagerie.elephant, "ground steel rock fighting", "phant trunk tusk umbo stomp"),
    "sheep": _plan(menagerie.sheep, "normal electric fairy flying rock", "wool lamb ram fleece baa"),
    "hedgehog": _plan(
        menagerie.hedgehog, "poison ground grass steel ice fire", "quill spine hog prick urchin"
    ),
    "monkey": _plan(menagerie.monkey, "fighting fire grass normal fighting", "monk ape chimp swing lemur"),
    "boxer": _plan(menagerie.boxer, "fighting fighting fighting steel", "jab puncher champ knuckle spar"),
    "pixie": _plan(menagerie.pixie, "fairy psychic grass ice flying", "elle sylph nymph fay petal"),
    # birds
    "chick": _plan(birds.chick, "normal flying fire electric flying", "pip chirp peep beak tweet"),
    "owl": _plan(birds.owl, "psychic ghost flying dark", "owl hoot strix oracle ruffle"),
    "penguin": _plan(birds.penguin, "ice water steel ice", "guin waddle flip tux flap"),
    "crane": _plan(birds.crane, "flying water psychic fighting", "crane heron wade stilt ibis"),
    "peacock": _plan(birds.peacock, "fairy psychic flying dragon", "plume pavo fan crest argus"),
    "bat": _plan(birds.bat, "dark poison flying ghost", "bat flit wing echo fang"),
    "toucan": _plan(birds.toucan, "flying grass normal dark", "bill toco caw perch squawk"),
    # reptiles
    "longneck": _plan(reptiles.longneck, "grass rock dragon ground", "saur neck titan bronto loom"),
    "turtle": _plan(reptiles.turtle, "water grass ground rock fire", "tort shell dome terrapin plod"),
    "serpent": _plan(reptiles.serpent, "poison dragon ground psychic", "coil hiss serp adder cobra"),
    "dragon": _plan(reptiles.dragon, "dragon fire ice dark dragon", "drake wyvern adon gar claw"),
    "frog": _plan(reptiles.frog, "water poison grass fighting", "frog croak toad ribbit leap"),
    "rex": _plan(reptiles.rex, "dragon dark rock ground", "rex chomp jaw raptor maw"),
    "axolotl": _plan(reptiles.axolotl, "water fairy fire electric poison", "lotl newt eft gill sal"),
    "chameleon": _plan(reptiles.chameleon, "grass psychic dark dragon", "leon gecko lizard tint skink"),
    # sea
    "fish": _plan(sea.fish, "water electric water poison", "fin carp gill bubble guppy"),
    "manta": _plan(sea.manta, "water flying electric dark", "manta ray glide kite sail"),
    "jellyfish": _plan(sea.jellyfish, "water psychic poison ghost", "jell medus drift bell quiver"),
    "octopus": _plan(sea.octopus, "water psychic dark fire", "octo squid arm kraken ink"),
    "crab": _plan(sea.crab, "water rock steel fighting", "crab pinch claw scuttle nip"),
    "seahorse": _plan(sea.seahorse, "water dragon fairy dragon", "hippo mare dray curl prance"),
    "whale": _plan(sea.whale, "water ice steel", "whale orca spout fluke balen"),
    "starfish": _plan(sea.starfish, "water psychic rock fairy", "star aster ray twinkle stell"),
    "clam": _plan(sea.clam, "water ice rock steel", "clam pearl oyst conch mussel"),
    # insects
    "beetle": _plan(insects.beetle, "bug steel fighting bug rock", "beetle horn scarab carapax elytra"),
    "moth": _plan(insects.moth, "bug fairy psychic ghost poison", "moth flutter luna papil wing"),
    "caterpillar": _plan(insects.caterpillar, "bug grass poison bug", "pillar crawl grub inch worm"),
    "snail": _plan(insects.snail, "bug fire rock poison", "snail whorl slug spiral gast"),
    "bee": _plan(insects.bee, "bug electric flying poison", "bee buzz hum nectar drone"),
    "spider": _plan(insects.spider, "bug poison dark ghost electric", "spider web arach spin silk"),
    "dragonfly": _plan(insects.dragonfly, "bug dragon flying electric", "darter nymph odon dart skim"),
    "mantis": _plan(insects.mantis, "bug grass steel fighting", "mantis scythe pray sickle reap"),
    # plants
    "mushroom": _plan(plants.mushroom, "grass poison ghost fairy", "cap shroom spore morel toad"),
    "cactus": _plan(plants.cactus, "grass ground fighting ground", "cact prickle thorn needle saguar"),
    "flower": _plan(plants.flower, "grass fairy poison fire", "bloom petal flora daisy blossom"),
    "sprout": _plan(plants.sprout, "grass normal ground bug", "sprout bulb turnip seed radish"),
    "pumpkin": _plan(plants.pumpkin, "ghost dark fire ghost", "gourd lantern pumpkin grin patch"),
    "tree": _plan(plants.tree, "grass ghost ice rock", "tree oak root bark timber"),
    "pitcher": _plan(plants.pitcher, "grass poison bug dark", "trap snap pitcher gulp chomp"),
    # spirits and things
    "ghost": _plan(spirits.ghost, "ghost dark ghost ice", "ghost boo haunt shade spook"),
    "slime": _plan(spirits.slime, "poison water psychic normal", "slime ooze blob goo jelly"),
    "wildfire": _plan(spirits.wildfire, "fire ghost fire dragon", "flame blaze flare wick ember"),
    "cloud": _plan(spirits.cloud, "flying electric ice flying", "cloud nimbus puff squall drizzle"),
    "candle": _plan(spirits.candle, "fire ghost psychic fairy", "wick taper candle wax glow"),
    "golem": _plan(spirits.golem, "rock ground steel ice", "golem boulder lith stone colossus"),
    "gem": _plan(spirits.gem, "rock psychic fairy ice", "gem shard prism crystal facet"),
    "robot": _plan(spirits.robot, "steel electric steel dark", "bot tron droid gear mech"),
    "bell": _plan(spirits.bell, "steel psychic fairy electric", "bell chime ding toll carillon"),
    "snowman": _plan(spirits.snowman, "ice ice normal", "flake snow frost thaw blizz"),
}
