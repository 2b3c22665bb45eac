"""A checksum of many rows of 32-bit words at once: multilinear hashing, all rows in one step.

Each word is multiplied with a number of its place and the products are added modulo 2**64 (Lemire
and Kaser, "Strongly universal string hashing is fast", 2014, section 3). The numbers are odd, so
a change within one word is always found; any other goes unseen once in 2**32 at most.
"""

from hashlib import shake_256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CHECKSUM_BYTES: Final = 8
MOST_WORDS: Final = 2_048
# Part of the stored form: never to be changed.
_SEED: Final = b"gridfaas: the front of a block"
_FACTORS: Final = np.frombuffer(shake_256(_SEED).digest(8 * MOST_WORDS), dtype="<u8") | np.uint64(1)


def checksums(rows: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.uint64]:
    """The checksum of each row: (N, words) of 32 bits to (N,). Words of 0 at the end count nothing.

    A row has at most `MOST_WORDS`.
    """
    found: NDArray[np.uint64] = np.einsum("ij,j->i", rows, _FACTORS[: rows.shape[1]])
    return found
