"""A ledger as it is published: signed, witnessed, packed, with an auditor's file."""

import base64
import json
from dataclasses import dataclass

from tests.attacks.formats import (
    Signer,
    digest,
    entry_bundles,
    note,
    pack,
    root_of,
    tiles,
    with_manifest,
)


@dataclass
class Head:
    """A checkpoint to be signed; `note` once it is: later changes do not reach it."""

    size: int
    time: int
    note: bytes | None = None


class Published:
    """Leaves, and the heads that were signed of them."""

    log: Signer
    cosigners: list[Signer]
    leaves: list[bytes]
    heads: list[Head]
    beacons: dict[int, bytes]

    def hashes(self) -> list[bytes]:
        return [digest(b"\0", leaf) for leaf in self.leaves]

    def text_of(self, size: int) -> str:
        root = base64.b64encode(root_of(self.hashes()[:size])).decode()
        return f"{self.log.name}\n{size}\n{root}\n"

    def note_of(self, head: Head) -> bytes:
        if head.note is None:
            text = self.text_of(head.size)
            lines = [signer.line(text, head.time + 2) for signer in self.cosigners]
            head.note = note(text, [self.log.line(text), *lines])
        return head.note

    def freeze(self) -> None:
        """Sign everything now, so that what changes later contradicts it."""
        for head in self.heads:
            self.note_of(head)

    def disclosed(self) -> list[bytes]:
        size = self.heads[-1].size
        parsed = [json.loads(leaf) for leaf in self.leaves[:size]]
        closed = {leaf["e"] for leaf in parsed if leaf["leaf"] == "CLOSE"}
        for place, leaf in enumerate(parsed):
            if leaf["leaf"] == "DRAW" and leaf["e"] not in closed:
                return self.leaves[:place]
        return self.leaves[:size]

    def files(self) -> dict[str, bytes]:
        """Everything but the manifest."""
        notes = {f"checkpoints/{h.size:012d}": self.note_of(h) for h in self.heads}
        size = self.heads[-1].size
        found = notes | {"checkpoint": self.note_of(self.heads[-1])}
        found |= tiles(self.hashes()[:size]) | entry_bundles(self.disclosed())
        return found | {"README.txt": b"Read me.\n", "verify.py": b"# a copy\n"}

    def bundle(self) -> bytes:
        return pack(with_manifest(self.files(), self.log))

    def auditor(self, quorum: int = 2, *lines: str) -> str:
        roles = ("dpo", "cse", "public")
        witnesses = [
            f"witness {role} {signer.vkey}"
            for role, signer in zip(roles, self.cosigners, strict=False)
        ]
        beacons = [f"beacon {n} {v.hex()}" for n, v in sorted(self.beacons.items())]
        first = [f"origin {self.log.name}", f"log {self.log.vkey}"]
        rest = [f"quorum {quorum}", *beacons, *lines]
        return "\n".join([*first, *witnesses, *rest, ""])

    def seen(self, size: int) -> str:
        root = base64.b64encode(root_of(self.hashes()[:size])).decode()
        return f"seen {size} {root}"
