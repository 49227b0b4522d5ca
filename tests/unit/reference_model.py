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

    A batch is {"c", "B", "smooth", "strata", "key", "calls"}, with {"c", "B", "smooth"}
    by name in its strata; a call (tag, stratum, gate, ppm), an entry (tag, T, u, d, x).
    """
    left, drawn, ledger = {}, set(), []
    for batch in batches:
        for tag, stratum, gate, ppm in sorted(batch["calls"], key=lambda call: call[0]):
            if tag in drawn:
                continue
            drawn.add(tag)
            buckets = {"site": batch, stratum: batch["strata"].get(stratum, batch)}
            fullness = 1
            for name, own in buckets.items():
                most, c = Fraction(own["B"]), Fraction(own["c"], MILLION)
                held = left[name] = min(most, left.get(name, most) + c)
                fullness = min(fullness, held / own["smooth"] if held >= 1 else 0)
            limit = math.floor(2**64 * Fraction(ppm, MILLION) * fullness)
            mac = hmac.new(batch["key"], b"ponctuel/draw/v1" + tag, hashlib.sha256)
            u = int(mac.hexdigest()[:16], 16)
            reason = gate or ("budget" if ppm and not limit else None)
            d = u < (0 if gate else limit)
            for name in buckets:
                left[name] -= d
            ledger.append((tag, 0 if gate else limit, u, d, reason))
    return ledger
