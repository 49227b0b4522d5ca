"""The draw, told a second time in 40 lines, from the published formulas alone.

Tokens are whole tokens here, as exact fractions; nothing is shared with the service.
"""

import hashlib
import hmac
import math
from fractions import Fraction

MILLION = 1_000_000


def decisions(batches):
    """What must stand in the ledger after these batches of calls, in its order.

    A batch is {"c", "B", "smooth", "key", "calls"}, a call (tag, stratum, gate, ppm),
    an entry (tag, T, u, d, reason).
    """
    left, drawn, ledger = {}, set(), []
    for batch in batches:
        c, most = Fraction(batch["c"], MILLION), Fraction(batch["B"])
        for tag, stratum, gate, ppm in sorted(batch["calls"], key=lambda call: call[0]):
            if tag in drawn:
                continue
            drawn.add(tag)
            for bucket in ("the site", stratum):
                left[bucket] = min(most, left.get(bucket, most) + c)
            tokens = min(left["the site"], left[stratum])
            fullness = min(1, tokens / batch["smooth"]) if tokens >= 1 else 0
            limit = math.floor(2**64 * Fraction(ppm, MILLION) * fullness)
            mac = hmac.new(batch["key"], b"ponctuel/draw/v1" + tag, hashlib.sha256)
            u = int(mac.hexdigest()[:16], 16)
            reason = gate or ("budget" if ppm and not limit else None)
            limit = 0 if gate else limit
            d = u < limit
            for bucket in ("the site", stratum):
                left[bucket] -= d
            ledger.append((tag, limit, u, d, reason))
    return ledger
