"""The systems that earlier Pokémon projects built, rebuilt from their descriptions to compare with.

Each is a `Recipe` (what to train, and how) over one of three pairs of networks. Their generators are called
like StyleGAN2's, so that runs, snapshots, pictures and metrics are those of any other run.
"""
