"""A replica of an older release, which cannot read the newest policy's document."""

from proxy.intake.documents import UnreadablePolicyError
from proxy.intake.policy_book import PolicyBook
from tests.fakes.call_centre import SITE


class OlderRelease(PolicyBook):
    """What a replica knows of policies if it cannot read the newest one's document."""

    async def learn(self, _connection):
        raise UnreadablePolicyError("its document has a field nobody knows here")


def cannot_learn(service):
    site = service.sites[SITE]
    book = OlderRelease(SITE, site.config.mode, site.config.epoch_seconds)
    book.schedule = site.schedule
    sequencer = site.calls.sequencer
    sequencer._policies = sequencer._leader._policies = book
