"""When a request is due: GDPR Art. 12(3), and CSP L.1111-7 for the medical file.

Counted as Regulation (EEC, Euratom) 1182/71, Art. 3 counts: the day of receipt is not
counted; a period of months ends with the day of the same number, or with the month's
last day where it has none. Art. 3(4) of it lets a period that ends on a holiday, a
Saturday or a Sunday end on the next working day: nothing here relies on that.

While a document is asked for on recorded doubt (GDPR Art. 12(6)), the time limit is
suspended (EDPB guidelines 01/2022): each whole day of that moves its date by one day.
Not that of a medical file: CSP R.1111-1 counts from receipt and knows no suspension.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

TIME_TO_THINK = timedelta(hours=48)  # CSP L.1111-7
MEDICAL_FILE = timedelta(days=8)  # CSP L.1111-7, from receipt: R.1111-1
OLD_MEDICAL_FILE_MONTHS = 2  # CSP L.1111-7, of more than five years ago
MONTHS = 1  # GDPR Art. 12(3)
EXTENDED_MONTHS = 3  # "by two further months", both counted from receipt
SOON_DAYS = 7


class Kind(StrEnum):
    """Which right is exercised."""

    ACCESS = "access"  # GDPR Art. 15
    MEDICAL_FILE = "medical-file"  # CSP L.1111-7
    OBJECTION = "objection"  # GDPR Art. 21
    ERASURE = "erasure"  # GDPR Art. 17
    RESTRICTION = "restriction"  # GDPR Art. 18
    RECTIFICATION = "rectification"  # GDPR Art. 16


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The legal dates of one request; each date counts to the end of its day."""

    earliest: datetime | None  # nothing may be handed over before
    due: date
    extendable_until: date | None  # the last day to tell of an extension, and why
    extended_due: date | None

    def days_left(self, today: date, *, is_extended: bool = False) -> int:
        """Until the date that holds; 0 on its last day, negative once it is over."""
        last = self.extended_due if is_extended and self.extended_due else self.due
        return (last - today).days

    def is_due_soon(self, today: date, *, is_extended: bool = False) -> bool:
        """Within a week, or over already."""
        return self.days_left(today, is_extended=is_extended) <= SOON_DAYS


def deadlines(
    kind: Kind,
    received: datetime,
    *,
    is_older_than_five_years: bool = False,
    suspended_days: int = 0,
) -> Deadlines:
    """The legal dates of a request received then; `received` is aware, and local.

    `is_older_than_five_years` is of the information asked for, and matters to a medical
    file only; `suspended_days` matter to all others. Raises ValueError for a moment
    without a zone, or days below 0.
    """
    if received.tzinfo is None:
        raise ValueError("`received` must have a time zone")
    if suspended_days < 0:
        raise ValueError("`suspended_days` must not be below 0")
    stood_still = timedelta(days=suspended_days)
    day = received.date()
    if kind is Kind.MEDICAL_FILE:
        end = day + MEDICAL_FILE
        if is_older_than_five_years:
            end = months_after(day, OLD_MEDICAL_FILE_MONTHS)
        return Deadlines(_after_thinking(received), end, None, None)
    due = months_after(day, MONTHS) + stood_still
    extended = months_after(day, EXTENDED_MONTHS) + stood_still
    return Deadlines(None, due, due, extended)


def months_after(day: date, months: int) -> date:
    """The last day of a period of months that an event on that day begins."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def _after_thinking(received: datetime) -> datetime:
    """48 hours that really passed, also over a night in which the clocks change."""
    ended = received.astimezone(UTC) + TIME_TO_THINK
    return ended.astimezone(received.tzinfo)
