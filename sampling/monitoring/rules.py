"""Which ceilings held for a call, as the ledger has them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from sampling.monitoring.observations import Adopted

_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Ceilings:
    """One policy's ceilings, as shares of calls."""

    version: int
    from_epoch: int
    ceiling: float
    campaign: str
    strata: Mapping[str, float]

    def of(self, stratum: str) -> float:
        return self.strata.get(stratum) or self.ceiling


class Rules:
    """Policies that may still matter, oldest first, and the one last drawn under."""

    def __init__(self) -> None:
        self._adopted: list[Ceilings] = []
        self._version = 0
        self._campaign = ""
        self.epoch = 0  # the one last drawn in

    def add(self, adopted: Adopted) -> None:
        self._adopted.append(
            Ceilings(
                adopted.version,
                adopted.from_epoch,
                adopted.ceiling_ppm / _PPM,
                adopted.campaign,
                {name: ppm / _PPM for name, ppm in adopted.strata.items()},
            )
        )

    def at(self, epoch: int) -> Ceilings | None:
        """The newest whose first epoch is not later; None before the first of all."""
        holding = (own for own in reversed(self._adopted) if own.from_epoch <= epoch)
        return next(holding, None)

    def enter(self, epoch: int) -> tuple[bool, bool]:
        """Whether a draw in `epoch` is the first under its policy, of its campaign."""
        self.epoch = max(self.epoch, epoch)
        own = self.at(epoch)
        if own is None or own.version <= self._version:
            return False, False
        is_new_campaign = own.campaign != self._campaign
        self._version, self._campaign = own.version, own.campaign
        self._adopted = self._adopted[self._adopted.index(own) :]
        return True, is_new_campaign

    def to_dict(self) -> dict[str, Any]:
        return {
            "adopted": [asdict(own) for own in self._adopted],
            "version": self._version,
            "campaign": self._campaign,
            "epoch": self.epoch,
        }

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        rules = cls()
        rules._adopted = [Ceilings(**own) for own in kept["adopted"]]
        rules._version = kept["version"]
        rules._campaign = kept["campaign"]
        rules.epoch = kept["epoch"]
        return rules
