"""Which lines of a month somebody looks at by hand: drawn by the tree itself.

Whoever reviews does not choose, and whoever doubts draws again: the root of the tree at
the month's end is in nobody's hand, and says which lines it is.
"""

from collections.abc import Sequence
from hashlib import sha256

_LABEL = b"ponctuel/access-review/v1\0"
_WORD = 1 << 64


def drawn(root: bytes, places: Sequence[int], size: int) -> list[int]:
    """`size` of these places, or all there are, in their order.

    Fisher-Yates over SHA-256(label, root, counter): each subset is as likely, but for
    less than 2**-40, as any other.
    """
    left = list(places)
    chosen = []
    for counter in range(min(size, len(left))):
        block = sha256(_LABEL + root + counter.to_bytes(8, "big")).digest()
        pick = int.from_bytes(block[:8], "big") * len(left) // _WORD
        chosen.append(left.pop(pick))
    return sorted(chosen)
