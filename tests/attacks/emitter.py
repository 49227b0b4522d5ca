"""Ledgers and bundles for the verifier's tests, written from the documents alone.

Shares no code with the service or the verifier. `Site.live` plays a call centre hour by
hour; `tamper` sees every leaf before it is written and may change, drop or add leaves,
so that an attack is signed and witnessed like everything else.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.attacks.formats import Signer, digest, u64
from tests.attacks.leaves import CONNECTION, Call, day_of, leaf_bytes, mac, salt
from tests.attacks.publishing import Head, Published
from tests.attacks.rules import (
    NO_POLICY,
    Buckets,
    Coverage,
    Fields,
    chance,
    conditions,
    ended_code,
    renewed,
)

DAY, WEEK = 86_400, 7 * 86_400
HOUR = 3600
# A Monday: a week of tag keys begins on Thursdays, as 1970 did.
MONDAY = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp())
CLUMP = 3  # calls that ring within a few seconds, so that batches have several
Tamper = Callable[[str, Fields], Iterable[tuple[str, Fields] | bytes]]
HOLDS = {"of": "hold"}


@dataclass
class Site(Published):
    """One site's ledger, and everything that goes on around it."""

    name: str = "demo"
    start: int = MONDAY
    span: int = HOUR
    policy: Fields | None = field(default_factory=dict)  # None: not adopted yet
    tamper: Tamper | None = None
    witnesses: tuple[str, ...] = ("dpo", "cse", "public")
    failover_every: int = 0  # epochs until another leader draws, in other batches
    strata: tuple[str, ...] = ("care_in", "care_out", "desk_in")
    checkpoints_per_epoch: int = 2
    kept_objects: dict[int, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log = Signer(f"ponctuel.example/{self.name}", 1)
        self.cosigners = [Signer(f"{name}.example", 4) for name in self.witnesses]
        self.now = self.start
        self.leaves: list[bytes] = []
        self.heads: list[Head] = []
        self.calls: list[Call] = []
        self.seeds: dict[int, bytes] = {}
        self.modes: dict[int, str] = {}
        self.coverage = Coverage()
        self.counted: dict[int, list[int]] = {}
        self.buckets = Buckets()
        self.beacons: dict[int, bytes] = {}
        self.tag_keys: dict[int, bytes] = {}
        self.days: dict[str, list[int]] = defaultdict(list)
        self.held: dict[int, int] = {}
        self.renewed: dict[str, dict[str, int]] = {}
        self.owed: list[int] = []
        self.kept_days: dict[int, int] = {}
        self.rules: Fields = NO_POLICY
        self.waiting: list[Fields] = []
        self.closed: set[int] = set()
        self.last_epoch = 0
        self._begin()

    # Writing

    def write(self, kind: str, **fields: Any) -> list[tuple[int, Fields]]:
        """Append a leaf, or what `tamper` makes of it; give places and fields."""
        made = self.tamper(kind, fields) if self.tamper else [(kind, fields)]
        written = []
        for one in made:
            if isinstance(one, bytes):
                self.leaves.append(one)
            else:
                written.append((len(self.leaves), one[1]))
                self.leaves.append(leaf_bytes(*one))
        return written

    def _begin(self) -> None:
        self.write("GENESIS", origin=self.log.name, vkey=self.log.vkey)
        if self.policy is not None:
            self.adopt(**self.policy)
        self._look_ahead()
        self.sign()

    def adopt(self, **changes: Any) -> None:
        """A new version of the policy, from the present epoch on or a later one.

        Another mode: from the first epoch that is not committed to.
        """
        before = self.waiting[-1] if self.waiting else self.rules
        first = self.now // self.span
        mode = changes.get("mode", before["mode"])
        others = [epoch for epoch, other in self.modes.items() if other != mode]
        first = max([first, *(epoch + 1 for epoch in others)])
        own = {"from": first, "epoch_seconds": self.span}
        self.waiting.append(renewed(before, own | changes))
        self.write("POLICY", **self.waiting[-1])
        self._enter(self.now // self.span)

    def rules_of(self, epoch: int) -> Fields:
        """The rules that will hold in an epoch, as far as is known."""
        due = [rules for rules in self.waiting if rules["from"] <= epoch]
        return due[-1] if due else self.rules

    def _enter(self, epoch: int) -> None:
        while self.waiting and self.waiting[0]["from"] <= epoch:
            self.rules = self.waiting.pop(0)

    def sign(self) -> None:
        self.heads.append(Head(len(self.leaves), self.now))

    # Epochs and keys

    def seed_of(self, epoch: int) -> bytes:
        return digest(b"seed", self.name.encode(), u64(epoch))

    def outside_value(self, epoch: int) -> tuple[bytes, bytes]:
        """A nonce, or a beacon's randomness with its signature (never a real one)."""
        signature = digest(b"sig", u64(epoch)) + digest(b"more", u64(epoch))[:16]
        if self.modes[epoch] == "operator":
            return b"", b""
        if self.modes[epoch] == "drand":
            return digest(signature), signature
        return digest(b"nonce", u64(epoch)), b""

    def round_of(self, epoch: int) -> int:
        late = max(0, epoch * self.span - 1_692_803_367)
        return (late + 2) // 3 + 1

    def _look_ahead(self) -> None:
        first = self.now // self.span
        week = self.now // WEEK
        for number in (week, week + 1):
            if number not in self.tag_keys:
                key = digest(b"week", self.name.encode(), u64(number))
                self.tag_keys[number] = key
                label = b"ponctuel/tagkey/v1" + str(number).encode()
                self.write("TAGKEY+", week=number, commit=digest(label, key).hex())
        for epoch in range(first, first + 25):
            if epoch not in self.seeds:
                self.open(epoch)

    def open(self, epoch: int) -> None:
        mode = self.modes[epoch] = self.rules_of(epoch)["mode"]
        seed = self.seeds[epoch] = self.seed_of(epoch)
        commit = digest(b"ponctuel/seed/v1", u64(epoch), seed).hex()
        self.counted.setdefault(epoch, [0, 0])
        extra: Fields = {}
        if mode == "witness":
            nonce, _ = self.outside_value(epoch)
            label = b"ponctuel/nonce/v1" + u64(epoch)
            extra = {"nonce_commit": digest(label, nonce).hex()}
        elif mode == "drand":
            extra = {"round": self.round_of(epoch)}
        self.write("OPEN", e=epoch, commit=commit, **extra)

    def close(self, epoch: int) -> None:
        draws, records = self.counted[epoch]
        fields = {"e": epoch, "seed": self.seeds[epoch].hex(), "draws": draws}
        fields["records"] = records
        value, signature = self.outside_value(epoch)
        if value:
            fields["x"] = value.hex()
        if signature:
            fields["sig"] = signature.hex()
            self.beacons[self.round_of(epoch)] = value
        self.write("CLOSE", **fields)

    def epoch_key(self, epoch: int) -> bytes:
        value, _ = self.outside_value(epoch)
        return mac(self.seeds[epoch], b"ponctuel/epoch/v1", u64(epoch), value)

    def tag(self, call_id: str, week: int) -> str:
        message = f"ponctuel/tag/v1\0{CONNECTION}\0{call_id}".encode()
        return mac(self.tag_keys[week], message)[:16].hex()

    # Draws

    @staticmethod
    def number(key: bytes, tag: bytes) -> int:
        return int.from_bytes(mac(key, b"ponctuel/draw/v1", tag)[:8], "big")

    def draw_time(self) -> int:
        """A clock that was set back a little does not lead back to an epoch before."""
        begun = self.last_epoch * self.span
        return begun if self.now < begun <= self.now + 120 else self.now

    def share(self, call: Call) -> int:
        return self.coverage.share(conditions(self.rules, call.stratum), call.id)

    def draw_batch(self, calls: list[Call], gate: str = "") -> None:
        now, week = self.draw_time(), self.draw_time() // WEEK
        epoch = self.last_epoch = now // self.span
        self._enter(epoch)
        gate = gate or ("" if self.rules["version"] else "policy_none")
        tagged = sorted((self.tag(call.id, week), call) for call in calls)
        key = self.epoch_key(epoch)
        for place, (tag, call) in enumerate(tagged):
            number = self.number(key, bytes.fromhex(tag))
            ppm = self.share(call)
            most = self.buckets.threshold(self.rules, call.stratum, ppm)
            closed = gate or ended_code(self.rules, call.stratum, day_of(now))
            reason = closed or ("" if most or not ppm else "budget")
            shown = 0 if closed else most
            fields = {"e": epoch, "c": tag, "s": call.stratum, "T": f"{shown:016x}"}
            fields["d"] = int(number < shown)
            if "cover" in conditions(self.rules, call.stratum):
                fields["p"] = ppm
            if place == 0:
                fields["b"] = 1
            if reason:
                fields["x"] = reason
            if now % WEEK < DAY and week - 1 in self.tag_keys:
                fields["c_prev"] = self.tag(call.id, week - 1)
            self._after_draw(call, self.write("DRAW", **fields))

    def _after_draw(self, call: Call, written: list[tuple[int, Fields]]) -> None:
        for seq, fields in [one for one in written if "e" in one[1]]:
            self.counted.setdefault(fields["e"], [0, 0])[0] += 1
            if fields["d"]:
                self.counted[fields["e"]][1] += 1
                self.buckets.spend(call.stratum)
                call.is_recorded = True
                self.coverage.note_drawn(call.id)
                self.owed.append(seq)
                own = conditions(self.rules, fields["s"])
                self.kept_days[seq] = own["kept_days"]

    def ring(self, epoch: int, place: int, of: int) -> Call:
        clump = place // CLUMP * CLUMP
        started = epoch * self.span + self.span * clump // of + 7 + place % CLUMP
        stratum = self.strata[int(chance(self.name, epoch, place) * len(self.strata))]
        call = Call(f"call-{epoch}-{place}", stratum, started)
        self.calls.append(call)
        return call

    # What becomes of it

    def settle(self) -> None:
        """Outcomes of what was drawn: recorded, failed, objected."""
        for seq in self.owed:
            luck = chance(self.name, "outcome", seq)
            if luck < 0.1:
                self.write("OUT", draw=seq, n=salt("out", seq), fail="hangup")
            elif luck < 0.2:
                self.write("OUT", draw=seq, n=salt("out", seq), objected=1)
            else:
                self.keep(seq)
        self.owed.clear()

    def keep(self, seq: int) -> None:
        kept = self.kept_days.get(seq, self.rules["kept_days"])
        day = day_of(self.now + kept * DAY)
        if day not in self.days:
            self.write("KEK+", day=day)
        self.days[day].append(seq)
        sealed, size = digest(b"sealed", u64(seq)).hex(), 1000 + seq
        told = {"sha256": sealed, "bytes": size, "day": day}
        self.kept_objects[seq] = {"sha256": sealed, "bytes": str(size), "id": f"o{seq}"}
        self.write("OUT", draw=seq, n=salt("out", seq), rec=told)

    def hold(self, seq: int, days: int, authority: str = "TJ Lille 26/123") -> None:
        self.held[seq] = self.now + days * DAY
        until = day_of(self.held[seq])
        self.write("KEK+", **HOLDS, day=until)
        self.write("HOLD", draw=seq, authority=authority, until=until)

    def sweep(self) -> None:
        """Forget what died before today, and the keys of the days that are over.

        What is held hangs under a key of its own by then.
        """
        today = day_of(self.now)
        for day in sorted(day for day in self.days if day < today):
            for seq in self.days.pop(day):
                if seq not in self.held:
                    self.delete(seq)
            self.write("KEK-", day=day, **self.renewed.pop(day, {}))
        for seq in [seq for seq, until in self.held.items() if day_of(until) < today]:
            self.delete(seq)
            self.write("KEK-", **HOLDS, day=day_of(self.held.pop(seq)))

    def renew(self, day: str) -> None:
        """Something of that day died early: the others get a new key."""
        self.renewed[day] = {"gen": 2}
        self.write("KEK+", day=day, gen=2)
        self.write("KEK-", day=day)

    def delete(self, seq: int) -> None:
        self.kept_objects.pop(seq, None)
        self.write("DEL", draw=seq, n=salt("del", seq))

    # Time

    def live(self, epochs: int, calls: int = 8) -> "Site":
        """Let `epochs` pass, with `calls` calls in each."""
        for _ in range(epochs):
            self.live_epoch(self.now // self.span, calls)
        return self

    def live_epoch(self, epoch: int, calls: int) -> None:
        self.now = epoch * self.span
        self._look_ahead()
        ringing = [self.ring(epoch, place, calls) for place in range(calls)]
        steps = self.checkpoints_per_epoch
        for step in range(steps):
            until = epoch * self.span + self.span * (step + 1) // steps
            while ringing and ringing[0].started < until - 60:
                self.now = ringing[0].started + CLUMP
                self._draw_waiting(ringing[:CLUMP], self._batch_size(epoch))
                ringing = ringing[CLUMP:]
            if step == 0:
                self.now = max(self.now, epoch * self.span + 310)
                self._tidy()
            self.now = until - 50
            self.settle()
            self.sign()
        self.now = (epoch + 1) * self.span

    def _draw_waiting(self, calls: list[Call], size: int) -> None:
        for at in range(0, len(calls), size):
            self.draw_batch(calls[at : at + size])

    def _batch_size(self, epoch: int) -> int:
        if not self.failover_every:
            return CLUMP
        return 1 + int(chance("leader", epoch // self.failover_every) * CLUMP)

    def close_old_epochs(self) -> None:
        for old in sorted(self.seeds.keys() - self.closed):
            if old < self.now // self.span:
                self.close(old)
                self.closed.add(old)

    def _tidy(self) -> None:
        self.close_old_epochs()
        self.sweep()

    def finish(self) -> "Site":
        """Close what is over, and sign the end."""
        self.now += 310
        self._look_ahead()
        self._tidy()
        self.settle()
        self.sign()
        return self
