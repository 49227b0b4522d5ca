"""The auditor's own file: whom to believe. It is never taken from a bundle."""

from proxy.ledger.note import VerifierKey


def auditor_text(log_key: VerifierKey) -> str:
    """The lines an auditor keeps; witnesses are added by whoever runs them."""
    return "\n".join(
        [
            "# Whom the verifier believes. Keep this file out of the operator's reach;",
            "# compare the key by telephone with the one the operator publishes.",
            f"origin {log_key.name}",
            f"log {log_key.encode()}",
            "# One line for each witness, and how many of them must have signed:",
            "# witness dpo <its verifier key>",
            "quorum 0",
            "# Checkpoints you have seen yourself: seen <size> <root in base64>",
            "",
        ]
    )
