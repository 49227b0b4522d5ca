"""Where a request comes from, when a trusted proxy stands before the service."""

from ipaddress import ip_network
from types import SimpleNamespace

import pytest
from multidict import CIMultiDict

from proxy.console.reading import source_of

PROXIES = [ip_network("10.0.0.0/24"), ip_network("fd00::/64")]


@pytest.mark.parametrize(
    ("remote", "forwarded", "source"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # who may not say so
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # the first was made up
        ("10.0.0.2", "198.51.100.1, 10.0.0.3", "198.51.100.1"),
        ("fd00::2", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", "unknown", "unknown"),
        (None, "198.51.100.1", ""),
    ],
)
def test_a_source_is_the_nearest_address_that_is_no_proxy_of_ours(
    remote, forwarded, source
):
    headers = CIMultiDict({"X-Forwarded-For": forwarded} if forwarded else {})
    request = SimpleNamespace(remote=remote, headers=headers)
    assert source_of(request, PROXIES) == source


def test_a_proxy_may_add_a_line_of_its_own():
    headers = CIMultiDict([("X-Forwarded-For", "1.1.1.1")])
    headers.add("X-Forwarded-For", "198.51.100.1")
    request = SimpleNamespace(remote="10.0.0.2", headers=headers)
    assert source_of(request, PROXIES) == "198.51.100.1"
