"""How an honest site raises its policy: announced, then adopted a day later."""

from typing import Any

from tests.attacks.emitter import DAY, Fields, Site
from tests.attacks.formats import digest, u64


def document(site: Site) -> str:
    """The digest of a document that no leaf has named yet."""
    return digest(b"document", u64(len(site.leaves))).hex()


def announce(site: Site, doc: str, seconds: int = DAY) -> None:
    """What the service writes when somebody has approved an increase."""
    first = -(-(site.now + seconds) // site.span)
    text = f"policy approved: doc {doc}, not before epoch {first}"
    site.write("NOTE", text=text)


def approved(doc: str, **changes: Any) -> Fields:
    """Changes as operator and DPO approved them."""
    return {"approvals": 2, "doc": doc, **changes}


def increase(site: Site, calls: int = 8, **changes: Any) -> Site:
    """Announce it, let a day pass with `calls` calls in each epoch, adopt it."""
    doc = document(site)
    announce(site, doc)
    site.live(-(-DAY // site.span), calls)
    site.adopt(**approved(doc, **changes))
    return site
