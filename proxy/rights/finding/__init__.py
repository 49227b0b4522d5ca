"""Finding what recordings there are of a person."""

from proxy.rights.finding.finder import Finder, Found, MatchedBy
from proxy.rights.finding.running import RunningCalls

__all__ = ["Finder", "Found", "MatchedBy", "RunningCalls"]
