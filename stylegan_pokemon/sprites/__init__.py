"""Pictures become sprites for games: cut out, reduced to pixels and palettes, packed. No torch."""
