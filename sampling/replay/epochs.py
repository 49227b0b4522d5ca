"""3. Epochs: committed seeds and outside values, and tag keys."""

from dataclasses import dataclass
from hashlib import sha256

from sampling.draw import SEED_SIZE, epoch_key, seed_commitment
from sampling.mixing import (
    NONCE_SIZE,
    QUICKNET_SIGNATURE_SIZE,
    Mode,
    nonce_commitment,
    randomness,
    round_of_epoch,
)
from sampling.replay.fields import Leaf, MalformedError, binary, integer
from sampling.replay.findings import Code, Notes
from sampling.replay.policies import Policies
from sampling.seed import WEEK_SECONDS

_HASH_SIZE = sha256().digest_size


@dataclass(frozen=True, slots=True)
class OpenEpoch:
    """An OPEN leaf. `nonce_commitment` in mode witness only."""

    mode: Mode
    commitment: bytes
    nonce_commitment: bytes | None


@dataclass(frozen=True, slots=True)
class ClosedEpoch:
    """A CLOSE leaf. `key` is None where the draws cannot be recomputed."""

    epoch: int
    said_draws: int
    said_records: int
    key: bytes | None
    has_outside_value: bool


class Epochs:
    """Which epochs are open, and what they have committed to."""

    def __init__(self, notes: Notes, policies: Policies) -> None:
        self._notes = notes
        self._policies = policies
        self._opened: dict[int, OpenEpoch] = {}
        self._closed: set[int] = set()
        self.modes: dict[int, Mode] = {}
        self.begun = 0  # the newest that runs, as far as others are over

    def mode_of(self, epoch: int) -> Mode | None:
        """How an epoch is seeded; None when no draw may be made in it."""
        return None if epoch in self._closed else self.modes.get(epoch)

    def read_open(self, seq: int, leaf: Leaf) -> None:
        epoch, opened = integer(leaf, "e"), _opened(leaf)
        if epoch in self._opened:
            self._notes.find(Code.EPOCH_REPEATED, seq, f"epoch {epoch} is open already")
            return
        self._opened[epoch] = opened
        self.modes[epoch] = opened.mode
        if opened.mode is Mode.DRAND:
            self._check_round(seq, epoch, integer(leaf, "round"))

    def _check_round(self, seq: int, epoch: int, said: int) -> None:
        rules = self._policies.holding_in(epoch)
        if rules and said != round_of_epoch(epoch, rules.epoch_seconds):
            detail = f"round {said} is not the first of epoch {epoch}"
            self._notes.find(Code.OUTSIDE_VALUE, seq, detail)

    def read_close(self, seq: int, leaf: Leaf) -> ClosedEpoch | None:
        """The epoch as it closes, or None when it was not open."""
        epoch, seed = integer(leaf, "e"), binary(leaf, "seed", SEED_SIZE)
        draws, records = integer(leaf, "draws"), integer(leaf, "records")
        if self.mode_of(epoch) is None:
            self._notes.find(Code.EPOCH_NOT_OPEN, seq, f"epoch {epoch} is not open")
            return None
        opened = self._opened[epoch]
        value = _outside_value(leaf, opened.mode)
        self._closed.add(epoch)
        self.begun = max(self.begun, epoch + 1)
        key = None
        if seed_commitment(epoch, seed) != opened.commitment:
            self._notes.find(Code.SEED_NOT_COMMITTED, seq, f"epoch {epoch}")
        elif value is not None:
            key = epoch_key(epoch, seed, value)
        if value is not None and not _is_committed(leaf, epoch, opened, value):
            self._notes.find(Code.OUTSIDE_VALUE, seq, "not the one committed to")
        return ClosedEpoch(epoch, draws, records, key, value is not None)


def _opened(leaf: Leaf) -> OpenEpoch:
    if {"nonce_commit", "round"} <= leaf.keys():
        raise MalformedError("an epoch waits for one outside value at most")
    commitment = binary(leaf, "commit", _HASH_SIZE)
    if "nonce_commit" in leaf:
        nonce = binary(leaf, "nonce_commit", _HASH_SIZE)
        return OpenEpoch(Mode.WITNESS, commitment, nonce)
    mode = Mode.DRAND if "round" in leaf else Mode.OPERATOR
    return OpenEpoch(mode, commitment, None)


def _outside_value(leaf: Leaf, mode: Mode) -> bytes | None:
    """What was mixed in: nothing in mode operator, None when it never came."""
    if mode is Mode.OPERATOR:
        if {"x", "sig"} & leaf.keys():
            raise MalformedError("mode operator mixes nothing in")
        return b""
    return binary(leaf, "x", NONCE_SIZE) if "x" in leaf else None


def _is_committed(leaf: Leaf, epoch: int, opened: OpenEpoch, value: bytes) -> bool:
    if opened.mode is Mode.WITNESS:
        return nonce_commitment(epoch, value) == opened.nonce_commitment
    if opened.mode is Mode.DRAND:
        return randomness(binary(leaf, "sig", QUICKNET_SIGNATURE_SIZE)) == value
    return True


class TagKeys:
    """Which weeks' tag keys were committed to, and which are gone."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._made: set[int] = set()
        self._gone: set[int] = set()

    def read_made(self, _: int, leaf: Leaf) -> None:
        self._made.add(integer(leaf, "week"))

    def read_gone(self, seq: int, leaf: Leaf) -> None:
        week = integer(leaf, "week")
        if week not in self._made or week in self._gone:
            detail = f"week {week} has no key to destroy"
            self._notes.find(Code.TAG_KEY_ORDER, seq, detail)
        self._gone.add(week)

    def check(self, seq: int, epoch: int, epoch_seconds: int) -> None:
        """A draw of a week that is not over shows that its key was destroyed early."""
        last_second = (epoch + 1) * epoch_seconds - 1
        week = last_second // WEEK_SECONDS
        if week in self._gone:
            detail = f"the key of week {week} was destroyed before"
            self._notes.find(Code.TAG_KEY_ORDER, seq, detail)
