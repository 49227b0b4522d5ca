"""Who may what at one moment, in one spelling: what a reviewer reads, and signs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from proxy.access.accounts.accounts import APPOINTED, Account
from proxy.access.api_keys.keys import ApiKey
from proxy.access.grants.records import GivenGrant
from proxy.access.permissions import Role
from proxy.ledger.entry import Leaf, Value, canonical

_SHOWN = 16  # characters; of agents, two that look the same are not to be met


@dataclass(frozen=True, slots=True)
class Standing:
    """Everybody, and everything that lets somebody in, by codes."""

    document: Leaf
    since: datetime | None
    """Since when there has been something to review; None if there is not."""

    @property
    def text(self) -> bytes:
        return canonical(self.document)

    @property
    def digest(self) -> str:
        """Of the text, in lower-case hex: what the reviewer says to have read."""
        return sha256(self.text).hexdigest()


def standing(
    listed: Mapping[str, Role],
    accounts: Iterable[Account],
    grants: Iterable[GivenGrant],
    keys: Iterable[ApiKey],
    now: datetime,
) -> Standing:
    """What holds at this moment; who has left and what is over is not in it."""
    living = [each for each in accounts if each.ended_at is None]
    held = [each for each in grants if each.holds_at(now)]
    used = [each for each in keys if each.ended_at is None and now < each.until]
    document: dict[str, Value] = {
        "settings": [{"code": code, "role": role} for code, role in listed.items()],
        "accounts": [_account(each) for each in living],
        "grants": [_grant(each) for each in held],
        "keys": [_key(each) for each in used],
    }
    begun = [
        *(each.made_at for each in living),
        *(each.given_at for each in held),
        *(each.made_at for each in used),
    ]
    return Standing(document, min(begun, default=None))


def _account(account: Account) -> Leaf:
    """Of an agent a piece of a digest: which one cannot be read, a change can."""
    shown: dict[str, Value] = {"code": account.code, "role": account.role}
    if account.role in APPOINTED:
        shown["appointed_by"] = account.appointed_by
    if account.agent_key is not None:
        shown["agent"] = sha256(account.agent_key).hexdigest()[:_SHOWN]
    return shown


def _grant(grant: GivenGrant) -> Leaf:
    return {
        "id": str(grant.grant_id),
        "code": grant.code,
        "practice": grant.practice,
        "campaign": grant.campaign,
        "until": grant.until.isoformat(),
        "given_by": grant.given_by,
    }


def _key(key: ApiKey) -> Leaf:
    return {
        "id": str(key.key_id),
        "code": key.code,
        "role": key.role,
        "scopes": [scope.value for scope in sorted(key.scopes)],
        "until": key.until.isoformat(),
        "made_by": key.made_by,
    }
