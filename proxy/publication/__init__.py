"""From the database's aggregates to the metrics page, at the published interval.

What moves with calls is published in batches, so that two scrapes around one call do
not differ by that call. Compliance figures describe the system and are shown at once.
"""

from proxy.publication.publishing import SitePublication, try_to

__all__ = ["SitePublication", "try_to"]
