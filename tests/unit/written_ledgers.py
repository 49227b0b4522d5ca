"""Honest ledgers, written by the formulas of the published proof, not by ours."""

import hashlib
import hmac
from dataclasses import dataclass, field

MICRO = 10**6
POLICY = {
    "leaf": "POLICY",
    "mode": "operator",
    "epoch_seconds": 3600,
    "purpose": "training",
    "ppm": 80_000,
    "c": 85_000,
    "B": 15,
    "smooth": 5,
    "starts": "2026-11-01",
    "ends": "2026-11-29",
    "max_seconds": 600,
    "kept_days": 30,
    "from": 7,
    "version": 1,
}
BLIND = "0123456789abcdef"
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
GENESIS, PERIOD = 1_692_803_367, 3


def u64(number):
    return number.to_bytes(8, "big")


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def digest(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def seed_of(epoch):
    return digest(b"seed of %d" % epoch)


def nonce_of(epoch):
    return digest(b"nonce of %d" % epoch)


def signature_of(epoch):
    return digest(b"signature of %d" % epoch) + bytes(16)


def outside_values(mode, epoch):
    """What OPEN promises, what CLOSE shows, and what is mixed in."""
    if mode == "witness":
        promise = digest(b"ponctuel/nonce/v1", u64(epoch), nonce_of(epoch))
        nonce = nonce_of(epoch)
        return {"nonce_commit": promise.hex()}, {"x": nonce.hex()}, nonce
    if mode == "drand":
        number = (epoch * 3600 - GENESIS) // PERIOD  # too early, but not by much
        while GENESIS + PERIOD * (number - 1) < epoch * 3600:
            number += 1
        value = digest(signature_of(epoch))
        shown = {"x": value.hex(), "sig": signature_of(epoch).hex()}
        return {"round": number}, shown, value
    return {}, {}, b""


def open_leaf(epoch, mode="operator"):
    commit = digest(b"ponctuel/seed/v1", u64(epoch), seed_of(epoch)).hex()
    promise, _, _ = outside_values(mode, epoch)
    return {"leaf": "OPEN", "e": epoch, "commit": commit, **promise}


@dataclass
class Writer:
    """A ledger written leaf by leaf, with the arithmetic of the proof."""

    leaves: list = field(default_factory=list)
    policies: list = field(default_factory=list)
    modes: dict = field(default_factory=dict)
    tokens: dict = field(default_factory=dict)
    counted: dict = field(default_factory=dict)

    def add(self, **leaf):
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def adopt(self, **changes):
        self.policies.append(
            POLICY | {"version": len(self.policies) + 1} | changes,
        )
        return self.add(**self.policies[-1])

    def open(self, *epochs, mode="operator"):
        for epoch in epochs:
            self.modes[epoch] = mode
            self.add(**open_leaf(epoch, mode))

    def draw(self, epoch, name, stratum="cardio_in", gate=None, p=None):
        """Write a call's draw; return its place if it is a RECORD."""
        rules = [policy for policy in self.policies if policy["from"] <= epoch][-1]
        tag = digest(name.encode())[:16]
        own = rules.get("strata", {}).get(stratum, rules)
        rate = own["ppm"] if p is None else p
        limits = []
        for bucket, conditions in (("all", rules), (stratum, own)):
            size, smooth = conditions["B"] * MICRO, conditions["smooth"] * MICRO
            held = min(size, self.tokens.get(bucket, size) + conditions["c"])
            self.tokens[bucket] = held
            share = 2**64 * rate * min(held, smooth) // (MICRO * smooth)
            limits.append(share if held >= MICRO else 0)
        limit = min(limits)
        shown = 0 if gate else limit
        _, _, value = outside_values(self.modes[epoch], epoch)
        key = mac(seed_of(epoch), b"ponctuel/epoch/v1" + u64(epoch) + value)
        u = int.from_bytes(mac(key, b"ponctuel/draw/v1" + tag)[:8], "big")
        d = int(u < shown)
        for bucket in ("all", stratum):
            self.tokens[bucket] -= d * MICRO
        draws, records = self.counted.get(epoch, (0, 0))
        self.counted[epoch] = (draws + 1, records + d)
        code = gate or (None if limit else "budget")
        extra = {"x": code} if code else {}
        extra |= {} if p is None else {"p": p}
        fields = {"e": epoch, "c": tag.hex(), "s": stratum, "T": f"{shown:016x}"}
        seq = self.add(leaf="DRAW", **fields, d=d, **extra)
        return seq if d else None

    def end(self, drawn):
        """Give a RECORD draw one of the three outcomes."""
        if drawn % 3 == 0:
            self.add(leaf="OUT", draw=drawn, objected=1, n=BLIND)
        elif drawn % 3 == 1:
            self.add(leaf="OUT", draw=drawn, fail="hangup", n=BLIND)
        else:
            kept = {"bytes": 1, "day": "2026-12-01", "sha256": "00" * 32}
            self.add(leaf="OUT", draw=drawn, rec=kept, n=BLIND)
            self.add(leaf="DEL", draw=drawn, n=BLIND)

    def close(self, *epochs):
        for epoch in epochs:
            draws, records = self.counted.get(epoch, (0, 0))
            _, shown, _ = outside_values(self.modes[epoch], epoch)
            seed = seed_of(epoch).hex()
            said = {"draws": draws, "records": records}
            self.add(leaf="CLOSE", e=epoch, seed=seed, **said, **shown)


def story(calls=120):
    """Two epochs of calls; what was drawn is recorded, refused or failed in turn."""
    writer = Writer()
    writer.adopt()
    writer.add(leaf="TAGKEY+", week=2968, commit="00" * 32)
    writer.open(7, 8)
    for number in range(calls):
        epoch = 7 if number < calls // 2 else 8
        gate = "line_excluded" if number % 20 == 0 else None
        stratum = "cardio_in" if number % 3 else "cardio_out"
        drawn = writer.draw(epoch, f"call {number}", stratum, gate)
        if drawn is not None:
            writer.end(drawn)
    writer.close(7, 8)
    return writer.leaves


COVER = {"k": 2, "calls": 150, "min": 5_000, "max": 50_000}
STEPS = (5_000, 10_000, 20_000, 40_000, 50_000, 18_000)  # the last: agent not known


def covered_story(calls=600):
    """A policy that wants every agent heard; each draw tells its own rate."""
    writer = Writer()
    writer.adopt(ppm=18_000, c=20_000, B=5, cover=COVER)
    writer.open(7)
    for number in range(calls):
        gate = "opted_out" if number % 20 == 0 else None
        p = STEPS[number % len(STEPS)]
        drawn = writer.draw(7, f"call {number}", gate=gate, p=p)
        if drawn is not None:
            writer.end(drawn)
    writer.close(7)
    return writer.leaves


# What a stratum's conditions have of a policy's.
NAMES = ("purpose", "ppm", "c", "B", "smooth", "starts", "ends", "max_seconds")
STRATUM = {name: POLICY[name] for name in (*NAMES, "kept_days")}
STRATA = {
    "cardio_in": STRATUM | {"ppm": 90_000, "c": 90_000, "B": 2, "smooth": 1},
    "cardio_out": STRATUM | {"ppm": 20_000, "c": 20_000, "cover": COVER},
}


def stratified_story(calls=300):
    """Two strata with conditions of their own, one of them with coverage."""
    writer = Writer()
    writer.adopt(strata=STRATA)
    writer.open(7)
    for number in range(calls):
        stratum = ("cardio_in", "cardio_out", "desk_in")[number % 3]
        p = STEPS[number % 5] if stratum == "cardio_out" else None
        drawn = writer.draw(7, f"call {number}", stratum, p=p)
        if drawn is not None:
            writer.end(drawn)
    writer.close(7)
    return writer.leaves


EPOCH = 490_000  # begins on 2025-11-24, after the beacon's first round


def outside_story(calls=120):
    """An operator-seeded epoch, then one of a witness, then one of the beacon."""
    writer = Writer()
    modes = {EPOCH: "operator", EPOCH + 1: "witness", EPOCH + 2: "drand"}
    for epoch, mode in modes.items():
        chain = {"chain": QUICKNET} if mode == "drand" else {}
        writer.adopt(mode=mode, **{"from": epoch}, **chain)
        writer.open(epoch, mode=mode)
    for epoch in modes:
        for number in range(calls // 3):
            writer.draw(epoch, f"call {epoch} {number}")
        writer.close(epoch)
    return writer.leaves


def places(leaves, kind, **fields):
    return [
        seq
        for seq, leaf in enumerate(leaves)
        if leaf["leaf"] == kind and all(leaf.get(n) == v for n, v in fields.items())
    ]


def changed(leaves, kind, changes, which=-1, **having):
    """The same ledger with some fields of one leaf replaced."""
    seq = places(leaves, kind, **having)[which]
    return [*leaves[:seq], leaves[seq] | changes, *leaves[seq + 1 :]]


def stripped(leaves, kind, name, which=-1, **having):
    """The same ledger with one field of one leaf left out."""
    seq = places(leaves, kind, **having)[which]
    kept = {field: value for field, value in leaves[seq].items() if field != name}
    return [*leaves[:seq], kept, *leaves[seq + 1 :]]
