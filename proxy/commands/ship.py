"""`ponctuel ship rtpengine`: the shipper that runs beside a SIP platform."""

from proxy.commands.running import Parsers
from proxy.ship import rtpengine


def add_to(parsers: Parsers) -> None:
    ship = parsers.add_parser("ship", help="Hand over what a platform captured.")
    kinds = ship.add_subparsers(required=True, metavar="PLATFORM")
    command = kinds.add_parser("rtpengine", help=rtpengine.DESCRIPTION.strip())
    rtpengine.add_arguments(command)
    command.set_defaults(run=rtpengine.run)
