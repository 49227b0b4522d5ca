"""What a site is made of, as the settings have it, in the words of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.access.surroundings import AccessConfig
from proxy.database.second_clock import SecondClock
from proxy.governance.adopting import GovernanceConfig
from proxy.intake.randomness.source import OutsideSource
from proxy.ledger.timestamps import Authority
from proxy.ledger.witnessing import Witness
from proxy.letters.facts import Desk
from proxy.policy_document import PolicyPart
from proxy.rights.config import RightsConfig
from proxy.rights.notices.telling import NoticeConfig
from retention.periods import LONGEST, AnalysisTerms
from sampling.gates import Line
from sampling.legal import Reference
from sampling.mixing import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """Everything one site is told."""

    policy: PolicyPart | None
    dpos_word: Reference | None
    kinds: Mapping[str, str]
    mode: Mode
    outside: OutsideSource
    witnesses: tuple[Witness, ...]
    quorum: int
    lines: Mapping[str, Line]
    epoch_seconds: int
    epochs_ahead: int
    inspection_weeks: int
    max_bytes: int
    analysis_terms: AnalysisTerms
    access: AccessConfig
    rights: RightsConfig

    origin: str
    publication_seconds: int

    time_authority: Authority | None = None
    dpo_contact: str = ""
    keep_opt_outs: bool = False
    notice_page: str = ""
    """Where callers read the notice; empty where the console has no public origin."""
    longest_kept_days: int = LONGEST.days
    second_clock: SecondClock | None = None

    @property
    def strata(self) -> list[str]:
        """The strata of the line groups, both ways."""
        groups = sorted({line.group for line in self.lines.values()})
        return [f"{group}_{way}" for group in groups for way in ("in", "out")]

    @property
    def told(self) -> NoticeConfig:
        """What of it callers are told."""
        rights = self.rights
        return NoticeConfig(
            desk=Desk(
                controller=rights.controller,
                contact=rights.contact,
                dpo_contact=rights.dpo_contact,
            ),
            lines=self.lines,
            analyses=self.analysis_terms,
            keeps_opt_outs=self.keep_opt_outs,
            page=self.notice_page,
        )

    @property
    def governed(self) -> GovernanceConfig:
        """What of it only people may change, and what limits them."""
        return GovernanceConfig(
            file=self.policy,
            dpos_word=self.dpos_word,
            kinds=self.kinds,
            mode=self.mode,
            epoch_seconds=self.epoch_seconds,
            has_witnesses=bool(self.witnesses),
            groups={line.group for line in self.lines.values()},
            lines=self.lines.keys(),
            longest_kept_days=self.longest_kept_days,
        )
