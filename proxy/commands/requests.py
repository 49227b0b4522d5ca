"""`ponctuel requests`: what persons ask for, and when it is due."""

from proxy.commands import (
    request_answers,
    request_deadlines,
    request_identity,
    request_intake,
    request_outcomes,
    request_packages,
)
from proxy.commands.running import Parsers, add_group


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "requests",
        "ACTION",
        "Requests by which persons exercise their rights, and their legal dates. What "
        "names somebody is asked for, or read from standard input; never an argument. "
        "PONCTUEL_TOKEN says who you are.",
        request_intake.EXAMPLE,
    )
    for part in (
        request_intake,
        request_identity,
        request_outcomes,
        request_packages,
        request_answers,
        request_deadlines,
    ):
        part.add_to(actions)
