"""The clinic that tests call: its numbers, secrets and settings, and some noise."""

import base64
import os
import struct

SITE = "clinic"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
UPLOAD_TOKEN = "upload-token-0123456789abcdef"
SOURCE_TOKEN = "source-token-0123456789abcdef"
CALLERS = "+336"  # begin so
CALLER = f"{CALLERS}12345678"
# Whoever tests deadlines says so; others must not hang on how fast a machine is.
PATIENT_MS = 10_000
LINE = "+33140000001"
OUTBOUND_LINE = "+33140000002"
EXCLUDED_LINE = "+33140000003"
UNLAWFUL_LINE = "+33140000004"
CLOUDEVENTS = "application/cloudevents+json"

# The highest rate the law of this product allows: 10 + 1000 x 9 % = 100 in 1,000 calls.
HIGHEST = {"rate": "9%", "ceiling": "9%", "burst": 10, "smooth": 1}


def wav(seconds: float = 1.0) -> bytes:
    """Mono 8 kHz 16-bit noise, which is found again if it lies about anywhere."""
    samples = os.urandom(int(seconds * 8000) * 2)
    header = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + header
    chunks += b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def written(reference: str, **more: object) -> dict[str, object]:
    """A reference as the settings want it, older than every test."""
    return {"reference": reference, "on": "2024-01-05", "author": "dpo"} | more


def lawful_references() -> dict[str, object]:
    """Everything the law asks of a line group; none of it ends during a test."""
    return {
        "article_6": written("register 4", kind="6-1-f"),
        "balancing_test": written("balance-2026"),
        "article_9": written("register 4", kind="9-2-h"),
        "dpia": written("dpia-2026", until="2036-01-05"),
        "dpo_opinion": written("opinion-2026"),
        "staff_information": written("cse-2026", kind="cse"),
        "hosting": written("hds-1", kind="hds", until="2036-01-05"),
    }


def site_settings(
    policy: dict[str, object] | None,
    host: str,
    *,
    is_pbx_connected: bool = True,
    more_connections: dict[str, object] | None = None,
    deadline_ms: int = PATIENT_MS,
) -> dict[str, object]:
    lawful = {"practice": "cardio"} | lawful_references()
    connection = {
        "kind": "generic",
        "secrets": [SECRET],
        "upload_tokens": [UPLOAD_TOKEN],
        "source_token": SOURCE_TOKEN,
        "deadline_ms": deadline_ms,
        "allowed_hosts": [host],
        "allow_private_addresses": True,
    }
    other = {**connection, "upload_tokens": ["other-" + UPLOAD_TOKEN]}
    connection["call_list_url"] = f"http://{host}/calls?day={{day}}"
    site: dict[str, object] = {
        "dpo_approval": written("opinion-2026, a clinic of tests"),
        "practices": {"cardio": {"authorisation": written("signed-2026")}},
        "line_groups": {"cardio": lawful, "unlawful": {**lawful, "article_9": None}},
        "lines": {
            LINE: {"group": "cardio"},
            OUTBOUND_LINE: {"group": "cardio"},
            EXCLUDED_LINE: {"group": "cardio", "is_excluded": True},
            UNLAWFUL_LINE: {"group": "unlawful"},
        },
        "connections": {"other-pbx": other}
        | ({"pbx": connection} if is_pbx_connected else {})
        | (more_connections or {}),
    }
    return site | ({"policy": policy} if policy else {})
