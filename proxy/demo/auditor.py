"""`auditor.txt`: what an auditor holds the ledger against, as far as it exists."""

from collections.abc import AsyncIterator

from proxy.demo.database import QUERIES
from proxy.ledger.entry import Kind
from proxy.site import Site

# Checkpoints will be signed under this name; .example is nobody's (RFC 2606).
ORIGIN = "ponctuel.example/{site}"


async def auditor_text(site: Site) -> str:
    """The file's text: one fact a line, and what is not in it yet."""
    return "\n".join(
        [
            "# What this site is committed to. Keep a copy out of its reach.",
            "# The log's keys and the quorum of witnesses come with the checkpoints of",
            "# a later version.",
            f"site {site.name}",
            f"origin {ORIGIN.format(site=site.name)}",
            *[line async for line in _policies(site)],
            *[line async for line in _tag_keys(site)],
            "",
        ]
    )


async def _policies(site: Site) -> AsyncIterator[str]:
    async with site.database.connection() as connection:
        rows = await connection.fetch(QUERIES["list_policies"], site.name)
    for row in rows:
        yield f"policy {row['version']} sha256:{row['digest'].hex()}"


async def _tag_keys(site: Site) -> AsyncIterator[str]:
    async for seq, leaf in site.ledger.entries():
        if leaf["leaf"] == Kind.TAG_KEY:
            yield f"tag-key {leaf['week']} sha256:{leaf['commit']} leaf:{seq}"
