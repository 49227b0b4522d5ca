"""How long recordings live: fixed at capture, and never longer afterwards."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

# Six calendar months are at least 181 days; 180 leaves a day for the sweep's lag.
LONGEST = timedelta(days=180)
LARGEST_LAG = timedelta(hours=24)
# What is written about a recording: a year at most, and a year is never shorter.
LONGEST_ANALYSIS = timedelta(days=365)
# The auditor's: so long after its end a day's key may still lie in a copy of the keys.
GRACE = timedelta(days=8)
SHORTEST_MONTHS = timedelta(days=181)  # six calendar months, at their shortest
# No copy of a key store is kept longer than a key may live and be missed.
LOOKED_BACK = LONGEST + timedelta(days=31)
# The inspection window: how many weeks after its own a tag key is kept. At least until
# the last recording of the week has died, at most twelve months.
SHORTEST_INSPECTION = 26
LONGEST_INSPECTION = 52


def expires_at(captured_at: datetime, kept_days: int) -> datetime:
    """When a recording made now must be gone, whatever the policy says later."""
    return captured_at + min(timedelta(days=kept_days), LONGEST)


def longest_kept(audio_backup_days: int) -> timedelta:
    """What a policy may promise where copies of audio are kept so long; 0: nowhere.

    A copy made on the last day is gone that much later, and opens as long as a copy of
    its key may be there: both within six months.
    """
    if not audio_backup_days:
        return LONGEST
    return SHORTEST_MONTHS - max(GRACE, LARGEST_LAG + timedelta(days=audio_backup_days))


def key_day(expiry: datetime) -> date:
    """The UTC day whose key dies with the recording."""
    return expiry.astimezone(UTC).date()


def newest_inspected(this_week: int, inspection_weeks: int) -> int:
    """The newest week whose inspection window is over; weeks count from 1970-01-01."""
    return this_week - inspection_weeks - 1


@dataclass(frozen=True, slots=True)
class AnalysisTerms:
    """How long an analysis is kept, and its recording once the analysis is closed."""

    kept_days: int = 180
    recording_days: int = 7

    @property
    def kept(self) -> timedelta:
        return min(timedelta(days=self.kept_days), LONGEST_ANALYSIS)

    def expires_at(self, made_at: datetime) -> datetime:
        """When an analysis made now must be gone, whatever the terms say later."""
        return made_at + self.kept

    def ends_at(self, made_at: datetime, expires_at: datetime) -> datetime:
        """When one made earlier is over: shorter terms hold for what is there, too."""
        return min(expires_at, self.expires_at(made_at))

    def newest_over(self, now: datetime) -> datetime:
        """Whatever was made by then is over."""
        return now - self.kept

    def recording_until(self, closed_at: datetime) -> datetime:
        """No recording whose analysis is closed outlives this, unless it is held."""
        return closed_at + min(timedelta(days=self.recording_days), LONGEST)
