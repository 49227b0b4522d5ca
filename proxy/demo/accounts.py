"""What a run of the demo came to: counted in the ledger, not hoped for.

A run's own figures are those of the leaves appended since it began; what is kept and
what is verified concern the whole ledger, earlier runs included.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from proxy.demo.database import QUERIES
from proxy.intake.takeovers import PURGED
from proxy.ledger.entry import Kind, Value
from proxy.site import Site
from sampling.replay import Replayed, replay

_UNSOLICITED = ("unsolicited_recordings", "")

Leaves = Sequence[tuple[int, Mapping[str, Value]]]


@dataclass(frozen=True, slots=True)
class Beginning:
    """The ledger's size and the aggregates when a run began."""

    size: int
    counts: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The figures of `demo --json`, under the same names."""

    calls: int
    drawn_record: int
    drawn_skip: int
    stored: int
    failed: int
    objected: int
    refused_unsampled: int
    purged_at_source: int
    swept: int
    kept: int
    ledger_size: int
    replayed: Replayed
    platform: Mapping[str, int]
    has_index_of_ledger: bool

    @property
    def surprises(self) -> list[str]:
        """What should have gone otherwise; empty when all is well."""
        seen = self.platform
        outcomes = self.stored + self.failed + self.objected
        as_expected = {
            "calls-without-a-draw": self.calls == seen["placed"],
            "outcomes-do-not-add-up": outcomes == self.drawn_record,
            "index-differs-from-ledger": self.has_index_of_ledger,
            "unsolicited-not-counted": self.refused_unsampled == seen["unsolicited"],
            "unsolicited-was-read": not seen["unsolicited_reads"],
            "recordings-left-at-the-platform": not seen["left"],
            "forger-believed": seen["forged_refused"] == seen["forged"],
            "retry-answered-otherwise": seen["duplicates_agreed"] == seen["duplicates"],
            "unexpected-answers": not seen["unexpected_answers"],
        }
        return [name for name, is_so in as_expected.items() if not is_so]

    @property
    def verified(self) -> bool:
        return not self.replayed.findings

    def as_json(self) -> dict[str, object]:
        names = ("replayed", "platform", "has_index_of_ledger")
        figures = {name: v for name, v in asdict(self).items() if name not in names}
        return {
            **figures,
            "verified": self.verified,
            "findings": [asdict(finding) for finding in self.replayed.findings],
            "not_checked": dict(self.replayed.not_checked),
            "platform": dict(self.platform),
            "surprises": self.surprises,
        }


async def read_beginning(site: Site) -> Beginning:
    size, _, counts = await site.ledger.figures()
    return Beginning(size, counts)


async def read_accounts(
    site: Site, beginning: Beginning, platform: Mapping[str, int]
) -> Accounts:
    """Count and replay the ledger as it stands, beside the simulator's report."""
    leaves = [entry async for entry in site.ledger.entries()]
    _, _, counts = await site.ledger.figures()
    grown = Counter(counts)
    grown.subtract(beginning.counts)
    own = [leaf for seq, leaf in leaves if seq >= beginning.size]
    drawn = [leaf["d"] for leaf in own if leaf["leaf"] == Kind.DRAW]
    outcomes = _outcomes(leaves, beginning.size)
    kept = await _kept_draws(site)
    return Accounts(
        calls=len(drawn),
        drawn_record=drawn.count(1),
        drawn_skip=drawn.count(0),
        stored=outcomes["rec"],
        failed=outcomes["fail"],
        objected=outcomes["objected"],
        refused_unsampled=grown[_UNSOLICITED],
        purged_at_source=grown[PURGED],
        swept=sum(leaf["leaf"] == Kind.DELETED for leaf in own),
        kept=len(kept),
        ledger_size=len(leaves),
        replayed=replay(leaves),
        platform=platform,
        has_index_of_ledger=kept == _living_draws(leaves),
    )


def _outcomes(leaves: Leaves, first_seq: int) -> Counter[str]:
    """How the draws from `first_seq` on ended."""
    return Counter(
        name
        for _, leaf in leaves
        if leaf["leaf"] == Kind.OUTCOME and _draw_of(leaf) >= first_seq
        for name in ("rec", "fail", "objected")
        if name in leaf
    )


def _living_draws(leaves: Leaves) -> set[int]:
    """Draws whose recording is there, as the ledger tells it."""
    recorded = {
        _draw_of(leaf)
        for _, leaf in leaves
        if leaf["leaf"] == Kind.OUTCOME and "rec" in leaf
    }
    deleted = {_draw_of(leaf) for _, leaf in leaves if leaf["leaf"] == Kind.DELETED}
    return recorded - deleted


def _draw_of(leaf: Mapping[str, Value]) -> int:
    return int(str(leaf["draw"]))


async def _kept_draws(site: Site) -> set[int]:
    """Draws whose recording is there, as the database's index has it."""
    async with site.database.connection() as connection:
        rows = await connection.fetch(QUERIES["list_kept_draws"], site.name)
    return {row["draw_seq"] for row in rows}
