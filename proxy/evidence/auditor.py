"""The auditor's own file: whom to believe. It is never taken from a bundle."""

from collections.abc import Iterable

from proxy.ledger.note import VerifierKey
from proxy.ledger.witnessing import Witness


def auditor_text(
    log_key: VerifierKey, witnesses: Iterable[Witness] = (), quorum: int = 0
) -> str:
    """The lines an auditor keeps, once every key was compared with its holder's."""
    return "\n".join(
        [
            "# Whom the verifier believes. Keep this file out of the operator's reach;",
            "# compare each key by telephone: the log's with the operator, a witness's",
            "# with whoever runs it.",
            f"origin {log_key.name}",
            f"log {log_key.encode()}",
            "# A line for each witness (dpo, cse or public, and its verifier key), and",
            "# how many must have signed. Where they came later than the ledger, add",
            "# the first size they signed, from a witness's own `show`: quorum 2 15230",
            *(f"witness {each.role} {each.key.encode()}" for each in witnesses),
            f"quorum {quorum}",
            "# Checkpoints you have seen yourself: seen <size> <root in base64>",
            "",
        ]
    )
