"""A procedural artist: draws creatures of our own, deterministic and free of anybody's rights."""

from dataset_tool.forge.folder import contact_sheet, forge_folder
from dataset_tool.forge.studio import STYLES, Creature, draw_creature

__all__ = ["STYLES", "Creature", "contact_sheet", "draw_creature", "forge_folder"]
