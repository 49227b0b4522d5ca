"""What an authority is told of an incident: the fields of GDPR Art. 33(3).

As JSON for a file, and as plain French for the authority's form. A draft: people send
it. What is not known yet is named, for it may follow (Art. 33(4)).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from proxy.incidents.cases import About, Case, Decision, People, Records, Risk
from proxy.incidents.deadline import TIME_TO_NOTIFY

NATURES = {
    "unsolicited-recording": (
        "Un enregistrement existait sur la plateforme téléphonique pour un appel qui "
        "n'avait pas été tiré au sort ; il y est supprimé sans être lu."
    ),
    "source-fails": (
        "Un enregistrement ne peut pas être supprimé sur la plateforme téléphonique, "
        "qui ne répond pas comme convenu."
    ),
    "unreconciled-calls": (
        "Des appels de la plateforme téléphonique ne sont pas connus du service : "
        "leur enregistrement éventuel échappe au tirage au sort."
    ),
    "stray-object": (
        "Un objet scellé se trouve dans le stockage sans enregistrement correspondant."
    ),
    "missing-object": "Un enregistrement de l'index n'est plus dans le stockage.",
    "missing-key": "La clé d'enregistrements à conserver n'est plus dans le coffre.",
    "came-back": "Une clé ou un enregistrement effacé est revenu d'une sauvegarde.",
    "kept-too-long": (
        "Des données arrivées au terme de leur conservation n'ont pas pu être effacées."
    ),
    "dead-day-opens": "La clé d'un jour effacé existe encore, ou sa sauvegarde.",
    "breaker-opened": (
        "Le disjoncteur a arrêté tout enregistrement : ce qui est observé s'écarte de "
        "ce que le tirage au sort permet, ou n'a pas pu être surveillé."
    ),
    "monitor-alarm": (
        "Une surveillance statistique signale un écart par rapport au tirage au sort."
    ),
    "access-abuse": (
        "Des enregistrements semblent avoir été écoutés sans besoin : le contrôle des "
        "traces d'accès signale un usage anormal."
    ),
    "integrity": (
        "Le registre des tirages ou un enregistrement scellé n'est plus celui qui a "
        "été écrit."
    ),
}
_PEOPLE = {
    People.CALLERS: "personnes au téléphone (patients, proches)",
    People.AGENTS: "salariés du centre d'appels",
    People.PRACTICES: "cabinets médicaux",
}
_RECORDS = {
    Records.VOICE: "voix",
    Records.HEALTH: "données de santé",
    Records.CONTACT: "coordonnées",
    Records.TECHNICAL: "données techniques",
}
_ABOUT = {
    About.UNKNOWN: "nombre inconnu",
    About.NONE: "aucun",
    About.BELOW_10: "moins de 10",
    About.BELOW_100: "de 10 à 99",
    About.BELOW_1000: "de 100 à 999",
    About.MORE: "1 000 ou plus",
}
_RISKS = {
    Risk.UNKNOWN: "non évalué",
    Risk.UNLIKELY: "improbable",
    Risk.LIKELY: "probable",
    Risk.HIGH: "élevé : les personnes doivent être informées (art. 34)",
}
_DECISIONS = {
    None: "pas encore prise",
    Decision.NOTIFY: "notifier l'autorité",
    Decision.NOT_NOTIFY: "ne pas notifier l'autorité",
}
_UNKNOWN = "(pas encore renseigné)"


@dataclass(frozen=True, slots=True)
class Notification:
    """One incident as it stands at `now`."""

    site: str
    case: Case
    dpo_contact: str
    now: datetime

    @property
    def nature(self) -> str:
        return self.case.description.nature or NATURES.get(self.case.kind, "")

    def missing(self) -> tuple[str, ...]:
        """What Art. 33(3) asks for and nobody has written yet."""
        told = self.case.description
        needed = {
            "nature": self.nature,
            "people": told.people,
            "people_about": told.people_about is not About.UNKNOWN,
            "records": told.records,
            "records_about": told.records_about is not About.UNKNOWN,
            "dpo_contact": self.dpo_contact,
            "consequences": told.consequences,
            "measures": told.measures,
            "delay_reason": told.delay_reason or not self._is_late,
        }
        return tuple(name for name, is_there in needed.items() if not is_there)

    def document(self) -> dict[str, object]:
        """The fields of Art. 33(3), and the clock and decision beside them."""
        case, told = self.case, self.case.description
        left = case.hours_left(self.now)
        return {
            "regulation": "GDPR Art. 33(3)",
            "site": self.site,
            "incident": str(case.incident_id),
            "kind": case.kind,
            "opened_at": _iso(case.opened_at),
            "aware_at": _iso(case.aware_at),
            "deadline": _iso(case.aware_at + TIME_TO_NOTIFY),
            "hours_left": None if math.isinf(left) else round(left, 1),
            "nature": self.nature,
            "people": [one.value for one in told.people],
            "people_about": told.people_about.value,
            "records": [one.value for one in told.records],
            "records_about": told.records_about.value,
            "dpo_contact": self.dpo_contact,
            "consequences": told.consequences,
            "measures": told.measures,
            "risk": told.risk.value,
            "are_people_to_be_told": told.risk is Risk.HIGH,
            "is_late": self._is_late,
            "delay_reason": told.delay_reason,
            "decision": case.decision and case.decision.value,
            "decision_reason": case.decision_reason,
            "notified_at": case.notified_at and _iso(case.notified_at),
            "missing": list(self.missing()),
        }

    def text(self) -> str:
        """The same, for the form of a French authority; times in UTC."""
        return "".join(f"{title} : {said}\n" for title, said in self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        case, told = self.case, self.case.description
        yield (
            "Notification d'une violation de données",
            f"art. 33 du RGPD ({self.site})",
        )
        yield "Incident", f"{case.incident_id} ({case.kind})"
        yield "Connu le", _french(case.aware_at)
        yield "À notifier avant le", _french(case.aware_at + TIME_TO_NOTIFY)
        yield "Nature de la violation", self.nature or _UNKNOWN
        people = ", ".join(_PEOPLE[one] for one in told.people)
        yield "Catégories de personnes concernées", people or _UNKNOWN
        yield "Nombre approximatif de personnes", _ABOUT[told.people_about]
        records = ", ".join(_RECORDS[one] for one in told.records)
        yield "Catégories d'enregistrements de données", records or _UNKNOWN
        yield "Nombre approximatif d'enregistrements", _ABOUT[told.records_about]
        yield "Délégué à la protection des données", self.dpo_contact or _UNKNOWN
        yield "Conséquences probables", told.consequences or _UNKNOWN
        yield "Mesures prises ou proposées", told.measures or _UNKNOWN
        yield "Risque pour les personnes", _RISKS[told.risk]
        yield "Décision", _DECISIONS[case.decision]
        if case.decision_reason:
            yield "Motif de la décision", case.decision_reason
        if case.notified_at:
            yield "Notifié le", _french(case.notified_at)
        if self._is_late:
            yield "Motif du retard (plus de 72 heures)", told.delay_reason or _UNKNOWN

    @property
    def _is_late(self) -> bool:
        return self.case.is_late(self.now)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _french(moment: datetime) -> str:
    return moment.strftime("%d/%m/%Y à %H:%M UTC")
