"""What a policy promises must hold in the backups, too."""

from collections.abc import Iterable
from datetime import date, timedelta

from proxy.errors import SettingsError, UnlawfulPolicyError
from proxy.governance.versions import PolicyVersion
from sampling.lifecycle import State
from sampling.policy import SamplingPolicy, faults_of_keeping

_DECIDED = frozenset({State.APPROVED, State.SCHEDULED, State.ACTIVE})


def check_kept(policy: SamplingPolicy, longest_days: int) -> None:
    """Raise UnlawfulPolicyError for one that keeps longer than the backups allow."""
    if found := faults_of_keeping(policy, longest_days):
        raise UnlawfulPolicyError(found)


def check_backups(
    versions: Iterable[PolicyVersion], longest_days: int, today: date
) -> None:
    """Raise SettingsError where backups keep too long for what people have decided."""
    for version in versions:
        if version.state not in _DECIDED or not version.is_readable:
            continue
        policy = version.policy
        if _last_day(policy) > today and (
            found := faults_of_keeping(policy, longest_days)
        ):
            raise SettingsError(
                f"policy {version.number} has {found[0].field} above {longest_days}",
                field="backups.audio_days",
                fix="set it back; lower the policy first, then begin to back up audio",
            )


def _last_day(policy: SamplingPolicy) -> date:
    """When the last of what may be drawn by it is gone."""
    return max(
        own.ends_on + timedelta(days=own.kept_days) for own in (policy, *policy.strata)
    )
