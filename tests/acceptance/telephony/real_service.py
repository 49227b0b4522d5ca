"""Ponctuel itself behind the SIP platform, seen as the telephony tests need it."""

import secrets
from dataclasses import dataclass
from typing import Any

from tests.acceptance.telephony.lab import Target
from tests.fakes.call_centre import SITE, UPLOAD_TOKEN, CallCentre, site_settings

CONNECTION = "pbx"


@dataclass(frozen=True)
class RealService:
    """The service over HTTP; what it keeps, past HTTP."""

    centre: CallCentre
    target: Target

    async def bound_calls(self) -> int:
        return await self.centre.value("SELECT count(*) FROM calls")

    async def ended_calls(self) -> int:
        return await self.centre.value(
            "SELECT count(*) FROM calls WHERE ended_at IS NOT NULL"
        )

    async def drawn_ids(self) -> set[str]:
        rows = await self.centre.rows("SELECT decision_id FROM calls WHERE is_record")
        return {str(row["decision_id"]) for row in rows}

    async def recordings(self) -> dict[str, bytes]:
        """By decision id, opened."""
        rows = await self.centre.rows(
            "SELECT recording_id, decision_id FROM recordings"
        )
        return {
            str(row["decision_id"]): await self.centre.heard(str(row["recording_id"]))
            for row in rows
        }


async def real_service(
    centre: CallCentre, *, keep_opt_outs: bool = False, **policy: object
) -> RealService:
    """Start the service with a connection for a platform that cannot sign."""
    token = secrets.token_hex(32)
    site: dict[str, Any] = site_settings(centre.policy(**policy), "127.0.0.1")
    site["keep_opt_outs"] = keep_opt_outs
    site["connections"][CONNECTION]["bearer_tokens"] = [token]
    service = await centre.open(sites={SITE: site})
    return RealService(centre, Target(service.address, CONNECTION, token, UPLOAD_TOKEN))
