"""Recompute every recorded draw from the ledger's own leaves, and say what differs.

Leaf by leaf, in the ledger's order:
1. Places: no leaf is missing.
2. Policies: versions go forward, within the hard limits, and never change the past;
   what allows more was approved by two, and announced a day before.
3. Epochs: a seed is committed before its first draw and opens its commitment after the
   last one, and so does an outside value; draws never go back to an earlier epoch.
4. Draws: one per tag; thresholds follow from the policy and from the budget that the
   draws before have left; RECORD if and only if u < T.
5. Outcomes: for RECORD draws only, one each.
6. Deletions: of what was recorded only, once each.

Whatever cannot be checked yet, or never from leaves alone, is counted in `not_checked`.
This is the service's check of itself: it takes a beacon's signature as checked when it
was received. Outsiders have a verifier that shares no code.
"""

from sampling.replay.findings import Code, Finding, NotChecked, Replayed
from sampling.replay.walk import Replay, replay

__all__ = ["Code", "Finding", "NotChecked", "Replay", "Replayed", "replay"]
