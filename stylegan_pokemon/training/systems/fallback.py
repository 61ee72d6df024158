"""What training falls back to when memory runs out: smaller micro-batches, then recomputed activations."""

from __future__ import annotations


def next_fallback(
    batch_gpu: int, recompute: int, batch: int, group: int, resolution: int
) -> tuple[int, int] | None:
    """The next step to less memory: (micro-batch, lowest resolution that is recomputed; 0 for none).

    The cheapest comes first. Halving the micro-batch costs nothing down to a minibatch-std `group`. Then
    blocks at high resolutions, which take the memory, are recomputed, which costs a third of the time. Only
    then groups shrink, which changes results. None when nothing is left.
    """
    smaller = next((n for n in range(batch_gpu // 2, 0, -1) if batch % n == 0), None)
    lowest = lowest_recomputed(resolution)
    recomputes_all = 0 < recompute <= lowest
    if smaller is not None and (smaller >= group or recomputes_all):
        return smaller, recompute
    return None if recomputes_all else (batch_gpu, lowest)


def change_in_words(batch_gpu: int, recompute: int, batch: int, group: int, step: tuple[int, int]) -> str:
    """The change from a micro-batch and a recomputed resolution to those of `step`, for a note."""
    smaller_batch_gpu, recomputed = step
    held = f"{batch_gpu} pictures at once"
    if recomputed != recompute:
        size = f"{recomputed}×{recomputed}"
        return f"{held}; continuing with as many, recomputing blocks from {size} up, about a third slower"
    smaller = f"{held}; continuing with {smaller_batch_gpu}, the batch stays {batch}"
    shrinks = f"; the minibatch-std group shrinks from {group} to {smaller_batch_gpu}"
    return smaller + (shrinks if smaller_batch_gpu < group else "")


def lowest_recomputed(resolution: int) -> int:
    """The lowest resolution worth recomputing for pictures of `resolution`: what lies below takes little."""
    return max(resolution // 8, 8)
