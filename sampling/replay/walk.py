"""The way through a ledger, leaf by leaf."""

from collections.abc import Iterable

from sampling.replay.draws import Draws
from sampling.replay.epochs import Epochs, TagKeys
from sampling.replay.fields import Leaf, MalformedError
from sampling.replay.findings import Code, NotChecked, Notes, Replayed
from sampling.replay.outcomes import Outcomes
from sampling.replay.policies import Policies

# No draw depends on them: checking keys needs the keys.
_NOT_NEEDED = ("GENESIS", "KEK+", "KEK-")


def replay(leaves: Iterable[tuple[int, Leaf]]) -> Replayed:
    """Check a whole ledger, given as (place, leaf) from its first leaf on."""
    walk = Replay()
    for seq, leaf in leaves:
        walk.read(seq, leaf)
    return walk.conclude()


class Replay:
    """A check under way: everything the leaves so far have established."""

    def __init__(self) -> None:
        self.notes = Notes()
        self._next_seq = 0
        self._policies = Policies(self.notes)
        self._epochs = Epochs(self.notes, self._policies)
        tag_keys = TagKeys(self.notes)
        self._draws = Draws(self.notes, self._policies, self._epochs, tag_keys)
        self._outcomes = Outcomes(self.notes, self._draws.records)
        self._readers = {
            "POLICY": self._read_policy,
            "NOTE": self._read_note,
            "TAGKEY+": tag_keys.read_made,
            "TAGKEY-": tag_keys.read_gone,
            "OPEN": self._epochs.read_open,
            "CLOSE": self._read_close,
            "STOP": self._draws.read_stop,
            "DRAW": self._draws.read,
            "OUT": self._outcomes.read_outcome,
            "DEL": self._outcomes.read_deletion,
        }

    def read(self, seq: int, leaf: Leaf) -> None:
        """Check one more leaf; they come in the ledger's order."""
        if seq != self._next_seq:
            detail = f"leaf {self._next_seq} is not where it belongs"
            self.notes.find(Code.LEDGER_GAP, seq, detail)
        self._next_seq = seq + 1
        self._read(seq, leaf)

    def conclude(self) -> Replayed:
        self._draws.conclude()
        self._outcomes.conclude()
        return self.notes.conclude()

    def _read(self, seq: int, leaf: Leaf) -> None:
        kind = str(leaf.get("leaf"))
        reader = self._readers.get(kind)
        if reader is None:
            is_other = kind not in _NOT_NEEDED
            self.notes.not_checked[NotChecked.OTHER_LEAVES] += is_other
            return
        try:
            reader(seq, leaf)
        except MalformedError as error:
            self.notes.find(Code.LEAF_MALFORMED, seq, str(error))

    def _read_policy(self, seq: int, leaf: Leaf) -> None:
        self._policies.read(seq, leaf, self._draws.last_epoch, self._epochs.modes)

    def _read_note(self, _: int, leaf: Leaf) -> None:
        begun = max(self._draws.last_epoch, self._epochs.begun)
        self._policies.approvals.read_note(leaf, begun)

    def _read_close(self, seq: int, leaf: Leaf) -> None:
        closed = self._epochs.read_close(seq, leaf)
        if closed:
            self._draws.close(seq, closed)
