"""What is wrong with the input of a simulation: the field, and what would be right."""


class SimulationInputError(ValueError):
    """A figure outside its bounds, or a file that cannot be understood."""

    def __init__(self, field: str, wrong: str, fix: str) -> None:
        self.field = field
        self.wrong = wrong
        self.fix = fix
        super().__init__(f"{field}: {wrong} ({fix})")


def check_within(field: str, value: float, lowest: float, highest: float) -> None:
    """Raise SimulationInputError unless lowest <= value <= highest; NaN is neither."""
    if not lowest <= value <= highest:
        raise SimulationInputError(
            field, f"{value:,} is out of range", f"{lowest:,} to {highest:,}"
        )
