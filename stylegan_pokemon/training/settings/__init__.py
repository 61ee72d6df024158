"""What a run is told: options, presets, and the configuration that follows from them."""
