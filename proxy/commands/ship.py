"""`ponctuel ship rtpengine`: the shipper that runs beside a SIP platform."""

from proxy.commands.running import LOCAL, Parsers, add_group
from proxy.ship import rtpengine


def add_to(parsers: Parsers) -> None:
    kinds = add_group(
        parsers,
        "ship",
        "PLATFORM",
        "Hand over what a platform captured.",
        "ponctuel ship rtpengine --help",
    )
    command = kinds.add_parser("rtpengine", help=rtpengine.DESCRIPTION.strip())
    rtpengine.add_arguments(command)
    command.set_defaults(run=rtpengine.run, may=LOCAL)
