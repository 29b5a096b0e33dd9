"""How many bits two compressors need for a string of bytes: upper bounds on its Kolmogorov complexity."""

import math
import zlib


def zlib_bits(text: bytes) -> int:
    """Return the length in bits of the zlib stream at level 9 (Lempel and Ziv 1977 with Huffman codes, RFC 1950).

    >>> zlib_bits(b"")
    64
    """
    return 8 * len(zlib.compress(text, 9))


def lz76_phrases(text: bytes) -> int:
    """Return the number of phrases of the exhaustive history.

    From left to right, a phrase is the shortest string that does not occur earlier, where an earlier occurrence may
    overlap the phrase up to its last byte; the last phrase may be one that does (Lempel and Ziv 1976, doi
    10.1109/TIT.1976.1055501; the example, 0.001.10.100.1000.101, is theirs).

    >>> lz76_phrases(b"0001101001000101")
    6
    """
    start = phrases = 0
    while start < len(text):
        length, place = 1, 0
        # an occurrence of a longer string begins no earlier than the first one of its beginning
        while start + length <= len(text) and place >= 0:
            place = text.find(text[start : start + length], place, start + length - 1)
            length += place >= 0
        start += length
        phrases += 1
    return phrases


def lz76_bits(text: bytes) -> float:
    """Return ``c log2(n)``, with which c phrases of a string of n bytes can be pointed to; 0 for n < 2.

    >>> lz76_bits(b"0001101001000101")
    24.0
    """
    return lz76_phrases(text) * math.log2(max(len(text), 1))


COMPRESSORS = {"zlib": zlib_bits, "lz76": lz76_bits}
