"""Options, presets, and the configuration that follows from them."""
