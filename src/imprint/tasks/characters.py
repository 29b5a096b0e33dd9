"""Language modelling in the small: the character that follows a context of characters."""

import numpy as np
import xarray as xr

from imprint.tasks import sources
from imprint.tasks.labelled import labelled

SEEDED = False
VIEWS = ()
LOSS = "cross_entropy"
EXAMPLE = {"data": "sonnet", "context": 8, "train": 200, "validation": 40, "test": 40}

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def build(
    *,
    data: str = "tinyshakespeare",
    context: int = 32,
    train: int = 20000,
    validation: int = 2000,
    test: int = 2000,
    split_seed: int = 0,
) -> xr.Dataset:
    """Contexts of a text and the character after each.

    The first 80 % of the text are for training, the next 10 % for validation, the last 10 % for test; a context and
    its target lie within one of these. A context that occurs more than once is taken where it occurs first, so that
    no context is in two splits (of Tiny Shakespeare's, 97 % of those of 16 characters remain and 99.9 % of 32).

    Args:
        data: ``tinyshakespeare`` (1,115,394 characters, 65 different ones) or ``sonnet`` (621, 41).
        context: characters that are given.
        train: number of training examples, drawn without replacement; a larger number adds to those of a smaller one.
        validation: number of validation examples, likewise.
        test: number of test examples, likewise.
        split_seed: which contexts are drawn.

    Returns:
        Dataset of :func:`imprint.tasks.labelled.labelled`; ``x`` the places of the context's characters in the
        alphabet, oldest first, whole numbers kept as float32 like every task's inputs; ``y`` that of the next
        character; ``index_<split>`` the position of the target in the text; attribute ``alphabet``, the text's
        characters in the order of their codes.

    Raises:
        ValueError: an unknown text, or sizes that it does not have.
    """
    text_M = np.frombuffer(sources.text(data), np.uint8)
    if not 1 <= context < len(text_M):
        raise ValueError(f"context={context}: choose between 1 and {len(text_M) - 1}, one less than the text has")
    alphabet, code_M = np.unique(text_M, return_inverse=True)
    first = _first_occurrences(code_M.astype(np.uint8), context)
    sizes = {"train": train, "validation": validation, "test": test}
    parts, begin = {}, 0
    for stream, (split, size) in enumerate(sizes.items()):
        end = begin + round(SHARES[split] * len(code_M))
        inside = first[(first >= begin) & (first + context < min(end, len(code_M)))]
        start_N = _drawn(inside, split, size, [split_seed, stream])
        window_NT = code_M[start_N[:, None] + np.arange(context)]
        parts[split] = {"x": window_NT.astype(np.float32), "y": code_M[start_N + context], "index": start_N + context}
        begin = end
    return labelled(
        parts,
        classes=len(alphabet),
        x="places in the alphabet of the characters before the one to predict",
        source=sources.TITLES[data],
        checksum=sources.checksum(data),
        alphabet=bytes(alphabet).decode("ascii"),
    )


def _first_occurrences(code_M: np.ndarray, context: int) -> np.ndarray:
    """Where each different context starts for the first time, in the order of the text."""
    window_NT = np.lib.stride_tricks.sliding_window_view(code_M, context)
    whole_N = np.ascontiguousarray(window_NT).view(f"V{context}").ravel()
    return np.sort(np.unique(whole_N, return_index=True)[1])


def _drawn(start_N: np.ndarray, split: str, size: int, seed: list[int]) -> np.ndarray:
    """The first ``size`` of a random permutation of the starts, in the order of the text."""
    if not 1 <= size <= len(start_N):
        raise ValueError(f"{split}={size}: choose between 1 and {len(start_N)}, the different contexts of that part")
    return np.sort(np.random.default_rng(seed).permutation(start_N)[:size])
