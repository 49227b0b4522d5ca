"""What the tests of the register of incidents begin with."""

from proxy.incidents.cases import Changes
from proxy.incidents.opening import Incident, open_incident

CONTACT = "DPO, dpo at ponctuel.example"
SEEN: Changes = {"nature": "A disk was lost"}


async def opened_by_itself(database, clock, reference="take-over-1"):
    async with database.connection() as connection:
        await open_incident(
            connection, "clinic", Incident.UNSOLICITED, reference, clock()
        )
