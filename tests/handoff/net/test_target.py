"""What a URL means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.net.errors import NetError
from handoff.net.target import parse_url


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://desk.example", "desk.example", b"/"),
        ("HTTPS://Desk.Example.:443/a?b#c", "desk.example", b"/a?b"),
        ("http://desk.example:8080?b", "desk.example:8080", b"/?b"),
        ("http://desk_1.example/ä", "desk_1.example", b"/%C3%A4"),
        ("http://bücher.example/", "xn--bcher-kva.example", b"/"),
        ("http://localhost/", "localhost", b"/"),
        ("http://127.0.0.1./", "127.0.0.1", b"/"),
        ("http://[::FFFF:127.0.0.1]:8080/", "[::ffff:7f00:1]:8080", b"/"),
        ("http://[2606:4700::0:1]/", "[2606:4700::1]", b"/"),
    ],
)
def test_a_url_has_one_meaning(url: str, authority: str, path: bytes) -> None:
    target = parse_url(url)
    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "desk.example",
        "//desk.example/",
        "ftp://desk.example/",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://:80/",
        "http://user@desk.example/",
        "http://user:secret@desk.example/",
        "http://@desk.example/",
        "http://good.example\\@evil.example/",
        "http://good.example\\.evil.example/",
        "http://desk.example:0/",
        "http://desk.example:65536/",
        "http://desk.example:/",
        "http://desk.example:8_0/",
        "http://desk.example:+80/",
        "http://desk.example:８０/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1../",
        "http://1.2.3.4.5/",
        "http://desk.0/",
        "http://%31%32%37.0.0.1/",
        "http://desk..example/",
        "http://-desk.example/",
        "http://a b/",
        "http://①.①/",
        "http://\ud800/",
        "http://desk.example/\ud800",
        "http://desk.example/\r\nX-A: b",
        "http://desk.example/\0",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://::1/",
        "http://[127.0.0.1]/",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 130 + "example/",
        " http://desk.example/",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(NetError) as caught:
        parse_url(url)
    assert (caught.value.code, caught.value.sent) == ("bad_url", False)
    assert "secret" not in str(caught.value)


def test_full_width_dots_make_an_address_and_not_a_name() -> None:
    assert str(parse_url("http://127。0。0。1/").literal) == "127.0.0.1"


@given(st.text(max_size=40), st.sampled_from(["http://", "https://", "http://[", "http://desk.example", ""]))
def test_any_text_is_a_target_or_a_bad_url(text: str, start: str) -> None:
    try:
        target = parse_url(start + text)
    except NetError as error:
        assert error.code == "bad_url"
    else:
        assert target.host.isascii()
        assert 1 <= target.port <= 65535
        assert target.path.startswith(b"/")
        assert not set(target.path) & set(b"\r\n\0 ")
