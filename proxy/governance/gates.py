"""The legal gates of a site in words: what is open, what is missing, what ends."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sampling.gates import Line, closed_gate
from sampling.legal import NOT_APPLICABLE, Condition, Reference
from sampling.policy import SamplingPolicy


class State(StrEnum):
    """Of one reference, on one day."""

    HOLDS = "holds"
    MISSING = "missing"
    NOT_YET = "not_yet"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Words:
    """The same, in both languages."""

    english: str
    french: str


@dataclass(frozen=True, slots=True)
class ConditionReport:
    """One thing the law asks for. `days_left` is None for what has no end."""

    name: str
    code: str
    state: State
    reference: Reference | None
    days_left: int | None
    words: Words


@dataclass(frozen=True, slots=True)
class GroupReport:
    """One line group. `code` is its first closed gate, the policy's included."""

    group: str
    code: str | None
    words: Words
    conditions: tuple[ConditionReport, ...]

    @property
    def is_open(self) -> bool:
        return self.code is None

    @property
    def is_about_health(self) -> bool:
        """Unless somebody has declared, on the record, that it is not."""
        [declared] = [
            one.reference for one in self.conditions if one.name == "article_9"
        ]
        return declared is None or declared.kind != NOT_APPLICABLE


NAMES = {
    "article_6": Words("legal basis (GDPR Art. 6)", "base légale (RGPD, art. 6)"),
    "balancing_test": Words("balancing test", "mise en balance des intérêts"),
    "article_9": Words(
        "condition for health data (GDPR Art. 9)",
        "condition pour les données de santé (RGPD, art. 9)",
    ),
    "authorisation": Words(
        "the practice's authorisation", "autorisation écrite du cabinet"
    ),
    "dpia": Words("DPIA", "analyse d'impact (AIPD)"),
    "dpo_opinion": Words("the DPO's opinion on the DPIA", "avis du DPO sur l'AIPD"),
    "staff_information": Words(
        "information of staff and works council", "information des salariés et du CSE"
    ),
    "hosting": Words("hosting declaration", "déclaration d'hébergement (HDS)"),
}
CODES = {
    "policy_none": Words(
        "no policy: nothing is ever drawn",
        "aucune politique : rien n'est tiré au sort",
    ),
    "campaign_ended": Words(
        "the campaign is over or has not begun: nothing is drawn",
        "la campagne est finie ou n'a pas commencé : rien n'est tiré au sort",
    ),
    "line_excluded": Words("excluded on purpose", "exclu volontairement"),
    "no_basis": Words(
        "no legal basis or authorisation", "base légale ou autorisation absente"
    ),
    "no_dpia": Words("no valid DPIA", "pas d'AIPD en cours de validité"),
    "no_cse": Words(
        "staff or works council not informed", "salariés ou CSE non informés"
    ),
    "no_hds": Words("hosting not declared", "hébergement non déclaré"),
}
_OPEN = Words("may be drawn", "peut être tiré au sort")


def report(
    lines: Iterable[Line], policy: SamplingPolicy, today: date
) -> list[GroupReport]:
    """Every line group on that day, by name."""
    return [
        _group_report(line, policy, today)
        for _, line in sorted(_line_of_each_group(lines).items())
    ]


def figures(lines: Iterable[Line], today: date) -> dict[str, float]:
    """Days to the first end of a DPIA and of a hosting certificate, of groups in use.

    0 where one is missing; infinite where it has no end, or no group is in use.
    """
    used = [
        line for line in _line_of_each_group(lines).values() if not line.is_excluded
    ]
    return {
        "dpia_days_left": min(
            (_least(line, "dpia", today) for line in used), default=math.inf
        ),
        "hds_days_left": min(
            (_least(line, "hosting", today) for line in used), default=math.inf
        ),
    }


def _line_of_each_group(lines: Iterable[Line]) -> dict[str, Line]:
    """An excluded line says nothing about its group, unless all of them are."""
    ordered = sorted(lines, key=lambda line: not line.is_excluded)
    return {line.group: line for line in ordered}


def _group_report(line: Line, policy: SamplingPolicy, today: date) -> GroupReport:
    code = closed_gate(policy, line, today)
    return GroupReport(
        group=line.group,
        code=code,
        words=CODES[code] if code else _OPEN,
        conditions=tuple(
            _condition_report(condition, today) for condition in line.basis.conditions
        ),
    )


def _condition_report(condition: Condition, today: date) -> ConditionReport:
    state = _state(condition, today)
    return ConditionReport(
        name=condition.name,
        code=condition.code,
        state=state,
        reference=condition.reference,
        days_left=_days_left(condition.reference, today),
        words=_words(condition, state, today),
    )


def _state(condition: Condition, today: date) -> State:
    if condition.reference is None:
        return State.MISSING
    if condition.reference.has_ended(today):
        return State.ENDED
    return State.HOLDS if condition.holds_on(today) else State.NOT_YET


def _days_left(reference: Reference | None, today: date) -> int | None:
    if reference is None or reference.valid_until is None:
        return None
    return (reference.valid_until - today).days


def _words(condition: Condition, state: State, today: date) -> Words:
    name, reference = NAMES[condition.name], condition.reference
    if reference is None:
        return Words(
            f"{name.english} is missing: add `{condition.name}` with reference, on "
            "and author",
            f"{name.french} : référence absente",
        )
    said = {
        State.NOT_YET: Words(
            f"is dated in the future ({reference.dated_on})",
            f"datée du {_french(reference.dated_on)}, dans le futur",
        ),
        State.ENDED: Words(
            f"ended on {reference.valid_until}: renew it",
            f"a pris fin le {_french(reference.valid_until)}, à renouveler",
        ),
        State.HOLDS: _how_long(reference, today),
    }[state]
    return Words(f"{name.english} {said.english}", f"{name.french} : {said.french}")


def _how_long(reference: Reference, today: date) -> Words:
    days = _days_left(reference, today)
    if days is None:
        return Words("holds", "en vigueur")
    return Words(
        f"holds for {days} more {'day' if days == 1 else 'days'}",
        f"en vigueur, encore {days} jour{'s' * (days > 1)}",
    )


def _french(day: date | None) -> str:
    return day.strftime("%d/%m/%Y") if day else ""


def _least(line: Line, name: str, today: date) -> float:
    [condition] = [one for one in line.basis.conditions if one.name == name]
    if condition.reference is None:
        return 0
    days = _days_left(condition.reference, today)
    return math.inf if days is None else days
