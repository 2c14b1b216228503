"""Which addresses may be dialled."""

from ipaddress import ip_address

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from handoff.net.addresses import is_public, parse_allowed


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_the_public_internet_may_be_dialled(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
        "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.0.192", "192.0.2.1",
        "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "233.252.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1",
        "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1",
        "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1",
        "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1",
    ],
)  # fmt: skip
def test_special_addresses_may_not_be_dialled(text: str) -> None:
    assert not is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_no_wrapping_of_an_ipv4_address_may_be_dialled(inner: object) -> None:
    number = int(ip_address(str(inner)))
    wrapped = [number, 0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80]
    teredo = 0x20010000 << 96 | (number ^ 0xFFFFFFFF)
    for value in [*wrapped[1:], teredo]:
        assert not is_public(ip_address(value.to_bytes(16, "big")))


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "covered"),
    [
        ("desk.internal", "desk.internal", "10.0.0.1", 443, True),
        ("Desk.Internal.", "desk.internal", "10.0.0.1", 443, True),
        ("bücher.internal", "xn--bcher-kva.internal", "10.0.0.1", 443, True),
        ("desk.internal", "a.desk.internal", "10.0.0.1", 443, False),
        ("desk.internal:8443", "desk.internal", "10.0.0.1", 8443, True),
        ("desk.internal:8443", "desk.internal", "10.0.0.1", 443, False),
        ("10.0.0.1", "desk.internal", "10.0.0.1", 443, True),
        ("10.0.0.1", "desk.internal", "10.0.0.2", 443, False),
        ("10.0.0.1:80", "10.0.0.1", "10.0.0.1", 80, True),
        ("10.0.0.1:80", "10.0.0.1", "10.0.0.1", 81, False),
        ("10.0.0.0/8", "desk.internal", "10.9.9.9", 1, True),
        ("10.0.0.0/8", "desk.internal", "11.0.0.1", 1, False),
        ("127.0.0.1", "desk.internal", "::ffff:127.0.0.1", 1, False),
        ("::1", "localhost", "::1", 1, True),
        ("[::1]", "localhost", "::1", 1, True),
        ("[::1]:80", "localhost", "::1", 80, True),
        ("[::1]:80", "localhost", "::1", 81, False),
        ("fd00::/8", "desk.internal", "fd12::1", 1, True),
    ],
)
def test_an_entry_covers_what_it_names(entry: str, host: str, address: str, port: int, covered: bool) -> None:
    (allowed,) = parse_allowed([entry])
    assert allowed.covers(host, ip_address(address), port) is covered


@pytest.mark.parametrize(
    "entry", ["", "10.0.0.1/8", "10.0.0.0/33", "desk:0", "desk:65536", "desk:", "desk:http", "[::1]x:80", "a b", "*.desk",
              "http://desk", "[desk", "10.1", "ü" * 300]
)  # fmt: skip
def test_an_entry_that_means_nothing_is_named(entry: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="OUTBOUND_ALLOWED_HOSTS has the entry"):
        parse_allowed(["desk.internal", entry])
