"""What must be true of recorded lives at any moment, whatever has died or failed.

Nothing is readable that should be gone, nothing is gone that should be kept, nothing
is said to be done that is not, and the auditor's own verifier finds nothing.
"""

import contextlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from audit import verify
from proxy.errors import ObjectMissingError, RestrictedError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.ledger.entry import decode
from proxy.vault.objects import ObjectStore
from retention.keys import DayKey, KeyClass
from tests.fakes.hoard import Hoard
from tests.fakes.recorded_life import NAMES, Fate, Life, audio_of

LONG_AFTER = datetime(2099, 1, 1, tzinfo=UTC)
TABLES = ("recordings", "recording_keys", "object_writes")


@dataclass
class Inquest:
    """Looks at a site past its own ways in; `found` is what was wrong, in words."""

    life: Life
    objects: ObjectStore
    hoard: Hoard
    folder: Path
    found: list[str] = field(default_factory=list)

    def note(self, when: str, wrong: str) -> None:
        self.found.append(f"{when}: {wrong}")

    async def hold(
        self, when: str, before: Mapping[str, Fate], after: Mapping[str, Fate]
    ) -> None:
        """Everything; whose fate is under way may have the one before or after."""
        sure = {name: after[name] for name in after if before[name] == after[name]}
        await self.nothing_is_said_that_is_not(when)
        for name, fate in sure.items():
            await self._is_heard_or_not(when, name, fate)
        await self._only_these_open(when, before, after)
        self._verifier_is_clean(when, await self._bundle())

    async def nothing_is_said_that_is_not(self, when: str) -> None:
        """What the ledger calls deleted or destroyed is so."""
        leaves = await self._leaves()
        rows = await self._rows("SELECT draw_seq, recording_id FROM recordings")
        deleted = {leaf["draw"] for leaf in leaves if leaf["leaf"] == "DEL"}
        for row in rows:
            if row["draw_seq"] in deleted:
                self.note(when, "a recording has its receipt, and still its row")
        known = {row["recording_id"] for row in rows}
        writes = await self._rows("SELECT object_id FROM object_writes")
        known |= {row["object_id"] for row in writes}
        lying = {object_id async for object_id in self.objects.list()}
        if lying - known:
            self.note(when, f"{len(lying - known)} objects are nobody's")
        stored = set(await self.life.site.keys.store.names())
        for leaf in leaves:
            if leaf["leaf"] == "KEK-" and _key(leaf).name in stored:
                self.note(when, f"{_key(leaf).name} is said to be destroyed")

    async def nothing_is_left(self, when: str) -> None:
        """At the end of all lives."""
        for table in TABLES:
            [row] = await self._rows(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
            if row[0]:
                self.note(when, f"{row[0]} rows in {table}")
        store = self.life.site.keys.store
        stored = map(DayKey.named, await store.names())
        keys = [key for key in stored if key and self._is_over(key)]
        left = {
            "keys": keys,
            "notes": await store.note_names(""),
            "objects": [each async for each in self.objects.list()],
            "leftovers": await self.objects.remove_leftovers(LONG_AFTER),
            "incidents": await self._rows("SELECT kind FROM incidents"),
        }
        for what, them in left.items():
            if them:
                self.note(when, f"{what} left: {them}")
        await self._all_has_its_receipt(when)

    async def _all_has_its_receipt(self, when: str) -> None:
        leaves = await self._leaves()
        kept = [leaf["draw"] for leaf in leaves if "rec" in leaf]
        gone = [leaf["draw"] for leaf in leaves if leaf["leaf"] == "DEL"]
        if sorted(kept) != sorted(gone) or len(kept) != len(NAMES):
            self.note(when, f"{len(kept)} were kept and {len(gone)} deleted")
        keys = [(leaf["leaf"], _key(leaf)) for leaf in leaves if "KEK" in leaf["leaf"]]
        made = sorted(
            key for kind, key in keys if kind == "KEK+" and self._is_over(key)
        )
        destroyed = sorted(key for kind, key in keys if kind == "KEK-")
        if made != destroyed:
            self.note(when, f"keys made {made}, destroyed {destroyed}")

    def _is_over(self, key: DayKey) -> bool:
        return key.is_over(self.life.site.clock())

    async def _is_heard_or_not(self, when: str, name: str, fate: Fate) -> None:
        told = await self._told(name)
        right = {"kept": audio_of(self.life.seed, name), "held": "423"}
        if told != right.get(fate.status, "404"):
            shown = "its audio or another" if isinstance(told, bytes) else told
            self.note(when, f"{name} is {fate.status}; who asks is told {shown}")

    async def _told(self, name: str) -> bytes | str:
        recording_id = await self.life.recording(name)
        try:
            if recording_id is None:
                return "404"
            vault = self.life.site.vault
            audio = await vault.open(await vault.find(recording_id))
            return b"".join([piece async for piece in audio])
        except ObjectMissingError:
            return "404"
        except RestrictedError:
            return "423"

    async def _only_these_open(
        self, when: str, before: Mapping[str, Fate], after: Mapping[str, Fate]
    ) -> None:
        names = {audio_of(self.life.seed, name): name for name in after}
        there = {names[audio] for _, audio in await self.hoard.opened_as_it_is()}
        ever = {names[audio] for _, audio in await self.hoard.opened()}
        for name in after:
            ways = (before[name], after[name])
            if name in there and all(way.status in _NOT_THERE for way in ways):
                self.note(when, f"{name} is {after[name].status} and can be opened")
            if name not in there and all(way.status in _THERE for way in ways):
                self.note(when, f"{name} is {after[name].status} and nothing opens it")
            if name in there - ever:
                self.note(when, f"{name} can be opened, and no copy of it: look here")
            if name in ever and all(way.is_buried for way in ways):
                self.note(when, f"older copies of {name} can be opened")

    async def _bundle(self) -> bytes:
        site = self.life.site
        return await make_bundle(
            site.ledger, site.publisher, site.signer, site.cosigning
        )

    def _verifier_is_clean(self, when: str, bundle: bytes) -> None:
        site = self.life.site
        said = _verified(self.folder, bundle, auditor_text(site.signer.key), site.clock)
        if said.get("findings") != []:
            self.note(when, f"the verifier: {said.get('findings', said)}")

    async def _leaves(self) -> list[dict[str, Any]]:
        rows = await self._rows("SELECT body FROM ledger_entries ORDER BY seq")
        return [decode(row["body"]) for row in rows]

    async def _rows(self, query: str) -> list[Any]:
        async with self.life.site.database.connection() as connection:
            return list(await connection.fetch(query))


_THERE = ("kept", "held")
_NOT_THERE = ("absent", "gone")


def _key(leaf: Mapping[str, Any]) -> DayKey:
    day = date.fromisoformat(str(leaf["day"]))
    return DayKey(day, KeyClass(leaf.get("of", "audio")), leaf.get("gen", 1))


def _verified(folder: Path, bundle: bytes, policy: str, clock: Any) -> dict[str, Any]:
    (folder / "bundle.zip").write_bytes(bundle)
    (folder / "auditor.txt").write_text(policy, "utf-8")
    given = [folder / "bundle.zip", "--policy", folder / "auditor.txt"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = verify.main([*map(str, given), "--json", "--now", clock().isoformat()])
    return json.loads(said.getvalue()) | {"status": status}
