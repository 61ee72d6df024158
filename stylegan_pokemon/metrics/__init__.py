"""Feature networks, and pure functions features → statistics → number.

`evaluate.evaluate` measures a generator or any pictures. Every number of this room is a function of arrays
that can be called, and is tested, on its own.
"""
