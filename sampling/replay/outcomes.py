"""5. and 6. What became of the calls that were drawn."""

from collections.abc import Set as AbstractSet

from sampling.replay.fields import Leaf, MalformedError, binary, integer
from sampling.replay.findings import Code, NotChecked, Notes

_BLIND_SIZE = 8  # bytes of randomness, so that nobody guesses a leaf from its hash


class Outcomes:
    """Outcomes and deletions so far."""

    def __init__(self, notes: Notes, records: AbstractSet[int]) -> None:
        """`records`: the places of all RECORD draws, as they come."""
        self._notes = notes
        self._records = records
        self._is_recorded: dict[int, bool] = {}
        self._deleted: set[int] = set()

    def read_outcome(self, seq: int, leaf: Leaf) -> None:
        drawn, _ = integer(leaf, "draw"), binary(leaf, "n", _BLIND_SIZE)
        named = [name for name in ("rec", "fail", "objected") if name in leaf]
        if len(named) != 1:
            raise MalformedError("an outcome is one of rec, fail and objected")
        if drawn not in self._records:
            detail = f"leaf {drawn} drew no RECORD"
            self._notes.find(Code.OUTCOME_NOT_DRAWN, seq, detail)
        elif drawn in self._is_recorded:
            self._notes.find(Code.OUTCOME_REPEATED, seq, f"of draw {drawn}")
        else:
            self._is_recorded[drawn] = named == ["rec"]

    def read_deletion(self, seq: int, leaf: Leaf) -> None:
        drawn, _ = integer(leaf, "draw"), binary(leaf, "n", _BLIND_SIZE)
        if not self._is_recorded.get(drawn):
            detail = f"draw {drawn} was not recorded"
            self._notes.find(Code.DELETION_NOT_RECORDED, seq, detail)
        elif drawn in self._deleted:
            self._notes.find(Code.DELETION_REPEATED, seq, f"of draw {drawn}")
        self._deleted.add(drawn)

    def conclude(self) -> None:
        pending = len(self._records) - len(self._is_recorded)
        self._notes.not_checked[NotChecked.OUTCOMES] = pending
