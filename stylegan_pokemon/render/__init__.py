"""From a generator to pictures people keep: seeds, grids, sheets, interpolations, progressions."""
