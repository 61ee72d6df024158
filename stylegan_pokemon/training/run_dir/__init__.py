"""What a run directory holds, and who writes it."""
