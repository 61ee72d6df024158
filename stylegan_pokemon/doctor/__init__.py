"""Why training does not start: facts of the machine (probe), what they mean (examine), a table (report)."""
