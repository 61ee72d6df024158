"""What a run needs before it starts: memory, disk, time, and the machine it finds."""
