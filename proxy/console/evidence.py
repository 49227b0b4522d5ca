"""The bundle an outsider checks, for those who look on: no voice and no name in it."""

from proxy.access.permissions import Permission
from proxy.access.trace.acts import Act, Entry
from proxy.console.visit import GET, POST, Answer, File, Page, Visit
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle

_CHECK = "python audit/verify.py {}.zip --policy auditor.txt"


async def show(visit: Visit) -> Answer:
    return Page("evidence.html", {"command": _CHECK.format(visit.site.name)})


async def bundle(visit: Visit) -> Answer:
    site = visit.site
    await _note(visit, "bundle")
    made = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    return File(f"{site.name}.zip", "application/zip", made)


async def auditor_file(visit: Visit) -> Answer:
    """Keys and quorum; whoever checks should have them from somebody else as well."""
    site = visit.site
    await _note(visit, "auditor-file")
    text = auditor_text(site.signer.key, site.config.witnesses, site.config.quorum)
    return File("auditor.txt", "text/plain", text.encode())


async def _note(visit: Visit, what: str) -> None:
    actor = visit.session.actor
    await visit.site.access.trace.note(
        Entry(Act.EXPORTED, actor.code, actor.role, about=what)
    )


ROUTES = (
    GET("/evidence", Permission.EVIDENCE_EXPORT, show),
    POST("/evidence/bundle", Permission.EVIDENCE_EXPORT, bundle),
    POST("/evidence/auditor", Permission.EVIDENCE_EXPORT, auditor_file),
)
