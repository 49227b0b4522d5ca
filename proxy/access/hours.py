"""When people are at work at a site, by the clock on its wall."""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From Monday to Friday, unless weekends are worked too."""

    zone: str = "Europe/Paris"
    opens: time = time(7)
    closes: time = time(21)
    has_weekends: bool = False

    def are_on(self, moment: datetime) -> bool:
        there = moment.astimezone(ZoneInfo(self.zone))
        if there.weekday() >= _SATURDAY and not self.has_weekends:
            return False
        return self.opens <= there.time() < self.closes

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def month_of(self, moment: datetime) -> date:
        """The first day of its month."""
        return self.day_of(moment).replace(day=1)

    def beginning_of(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.zone))
