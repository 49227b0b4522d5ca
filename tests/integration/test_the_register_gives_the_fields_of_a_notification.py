"""What goes to the supervisory authority: every field, and what is still missing."""

import pytest

from proxy.incidents.cases import About, People, Records, Risk
from proxy.incidents.opening import Incident, open_incident
from tests.fakes.register import CONTACT, SEEN, opened_by_itself

ASKED_FOR = {  # GDPR Art. 33(3)(a) to (d)
    "nature": "A disk was lost",
    "people": ["callers"],
    "people_about": "10-99",
    "records": ["voice", "health"],
    "records_about": "10-99",
    "dpo_contact": CONTACT,
    "consequences": "somebody may listen",
    "measures": "the key was destroyed",
}


async def test_the_export_holds_every_field_of_article_33(register, clock):
    incident = await register.open_by_hand(
        "op1",
        SEEN
        | {
            "people": (People.CALLERS,),
            "people_about": About.BELOW_100,
            "records": (Records.VOICE, Records.HEALTH),
            "records_about": About.BELOW_100,
            "risk": Risk.HIGH,
            "consequences": "somebody may listen",
            "measures": "the key was destroyed",
        },
    )
    clock.advance(hours=12)

    export = await register.export(incident)

    document = export.document()
    assert document.items() >= ASKED_FOR.items()
    assert document["missing"] == []
    assert document["hours_left"] == 60
    assert document["deadline"] == "2026-11-21T10:00:00+00:00"
    assert document["are_people_to_be_told"]
    for line in (
        "À notifier avant le : 21/11/2026 à 10:00 UTC",
        "Nature de la violation : A disk was lost",
        "Nombre approximatif de personnes : de 10 à 99",
        "Catégories d'enregistrements de données : voix, données de santé",
        f"Délégué à la protection des données : {CONTACT}",
        "Conséquences probables : somebody may listen",
        "Mesures prises ou proposées : the key was destroyed",
        "Risque pour les personnes : élevé : les personnes doivent être informées",
    ):
        assert line in export.text()


async def test_the_export_says_what_is_still_missing(database, register, clock):
    await opened_by_itself(database, clock)
    [case] = await register.list()
    clock.advance(hours=73)

    export = await register.export(case.incident_id)

    assert export.document()["missing"] == [
        "people",
        "people_about",
        "records",
        "records_about",
        "consequences",
        "measures",
        "delay_reason",
    ]
    assert "tirage au sort" not in export.text().partition("Nature")[0]
    assert "Motif du retard (plus de 72 heures) : (pas encore" in export.text()


@pytest.mark.parametrize("kind", [kind for kind in Incident if kind != "by-hand"])
async def test_every_kind_of_incident_describes_itself_in_french(
    database, register, clock, kind
):
    async with database.connection() as connection:
        await open_incident(connection, "clinic", kind, "1", clock())
    [case] = await register.list()

    export = await register.export(case.incident_id)

    assert "nature" not in export.missing()
