"""Why training does not start: gather facts (probe), judge them (examine), print the answer (report)."""
