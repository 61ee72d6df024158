"""One script per table of docs/comparisons.md: each makes its figures from nothing, into results.json.

`blind` asks people instead.
"""
