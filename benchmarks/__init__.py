"""One script per table of README: each makes its figures from nothing and adds them to results.json.

`blind` asks people instead.
"""
