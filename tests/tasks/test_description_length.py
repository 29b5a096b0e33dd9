"""Compressed lengths against their definitions, spelled out slowly."""

import zlib

import numpy as np
import pytest

from imprint.tasks.description_length import lz76_bits, lz76_phrases, zlib_bits


def phrases_by_definition(text):
    """A phrase grows as long as it is part of what precedes its last byte."""
    found, start = [], 0
    while start < len(text):
        end = start + 1
        while end < len(text) and text[start:end] in text[: end - 1]:
            end += 1
        found.append(text[start:end])
        start = end
    return found


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        (b"", 0),
        (b"a", 1),
        (b"aaaaaaaa", 2),  # a, then the rest copies itself
        (b"abababab", 3),
        (b"abcdefgh", 8),
        (b"0001101001000101", 6),  # 0.001.10.100.1000.101, Lempel and Ziv 1976
    ],
)
def test_phrases_known_by_hand(text, phrases):
    assert lz76_phrases(text) == phrases


@pytest.mark.parametrize("letters", [1, 2, 3, 256])
def test_phrases_are_those_of_the_definition(letters):
    random = np.random.default_rng(letters)
    for length in range(1, 60):
        text = random.integers(letters, size=length, dtype=np.uint8).tobytes()
        assert lz76_phrases(text) == len(phrases_by_definition(text))


def test_bits():
    assert lz76_bits(b"") == 0
    assert lz76_bits(b"abcdefgh") == 8 * 3
    text = bytes(1000)
    assert zlib_bits(text) == 8 * len(zlib.compress(text, level=9)) < 8 * 30


def test_random_text_is_longer_than_repeated_text():
    text = np.random.default_rng(0).integers(256, size=500, dtype=np.uint8).tobytes()
    for bits in (zlib_bits, lz76_bits):
        assert bits(text + text) < 1.3 * bits(text) < bits(text + text[::-1])
