"""Who the client was, as far as our own proxies say so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.response import JSONResponse, Response
from ketch.kernel.errors import SetupError
from ketch.middleware import HTTPSRedirectMiddleware, ProxyHeadersMiddleware, TrustedHostMiddleware
from ketch.testing import TestClient
from tests.middleware.onion_app import Onion, client_of

OURS = ["10.0.0.0/8", "2001:db8::/32"]
PROXY = ("10.0.0.1", 4711)
ALL_X = ["x-forwarded-for", "x-forwarded-proto", "X-Forwarded-Host", "x-forwarded-port"]


async def show(request: Any) -> Response:
    client = list(request.client) if request.client else None
    return JSONResponse({"client": client, "url": str(request.url), "host": request.headers["host"]})


def seen(
    headers: Any, *, peer: tuple[str, int] = PROXY, trusted: list[str] = OURS, read: list[str] | None = None
) -> dict[str, Any]:
    layer = ProxyHeadersMiddleware(trusted_hosts=trusted, **({} if read is None else {"headers": read}))
    shown: dict[str, Any] = client_of(layer, handler=show, client=peer).get("/", headers=headers).json()
    return shown


@pytest.mark.parametrize(
    ("peer", "trusted", "counts"),
    [
        (("10.9.8.7", 1), OURS, True),
        (("11.0.0.1", 1), OURS, False),
        (("::ffff:10.0.0.1", 1), OURS, True),
        (("2001:db8::5", 1), OURS, True),
        (("2001:db9::5", 1), OURS, False),
        (("10.0.0.1", 1), ["10.0.0.1"], True),
        (("10.0.0.2", 1), ["10.0.0.1"], False),
        (("testclient", 1), OURS, False),
        (("", 0), OURS, False),
        (("", 0), ["unix"], True),
        (("10.0.0.1", 1), ["unix"], False),
        (("8.8.8.8", 1), ["0.0.0.0/0"], True),
    ],
)
def test_headers_count_only_from_trusted_peers(peer: tuple[str, int], trusted: list[str], counts: bool) -> None:
    shown = seen({"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}, peer=peer, trusted=trusted)
    assert (shown["client"] == ["1.2.3.4", 0]) is counts
    assert shown["url"].startswith("https://") is counts


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        (["1.2.3.4"], ["1.2.3.4", 0]),
        (["6.6.6.6, 1.2.3.4"], ["1.2.3.4", 0]),  # the left is the client's own invention
        (["6.6.6.6", "1.2.3.4"], ["1.2.3.4", 0]),
        (["1.2.3.4, 10.0.0.9"], ["1.2.3.4", 0]),
        (["6.6.6.6, 1.2.3.4, 10.0.0.9, 10.0.0.8"], ["1.2.3.4", 0]),
        (["10.0.0.7, 10.0.0.8"], ["10.0.0.7", 0]),  # somebody inside
        (["1.2.3.4:5678"], ["1.2.3.4", 5678]),
        (["[2a00::1]:443"], ["2a00::1", 443]),
        (["2a00::1"], ["2a00::1", 0]),
        (["1.2.3.4, unknown"], list(PROXY)),
        (["1.2.3.4, garbage, 10.0.0.9"], ["10.0.0.9", 0]),
        (["1.2.3.4,"], list(PROXY)),
        ([""], list(PROXY)),
        (["\x7f\xff"], list(PROXY)),
        (["127.0.0.1"], ["127.0.0.1", 0]),
    ],
)
def test_the_walk_goes_from_right_to_left(sent: list[str], client: list[Any]) -> None:
    headers = [(b"X-Forwarded-For", line.encode("latin-1")) for line in sent]
    assert seen(headers)["client"] == client


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ({"X-Forwarded-Proto": "https"}, "https"),
        ({"X-Forwarded-Proto": "HTTPS"}, "https"),
        ({"X-Forwarded-Proto": "wss"}, "https"),
        ({"X-Forwarded-Proto": "javascript"}, "http"),
        ({"X-Forwarded-Proto": "https://evil"}, "http"),
        ({"X-Forwarded-Proto": ""}, "http"),
        # one value, several hops: the nearest proxy overwrote it
        ({"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 1.2.3.4"}, "https"),
        # as many values as hops: that of the hop where the walk ended
        ({"X-Forwarded-Proto": "https, http", "X-Forwarded-For": "1.2.3.4, 10.0.0.9"}, "https"),
        ({"X-Forwarded-Proto": "https, http", "X-Forwarded-For": "6.6.6.6, 1.2.3.4"}, "http"),
        ({"X-Forwarded-Proto": "https, https, http", "X-Forwarded-For": "1.2.3.4"}, "http"),
    ],
)
def test_the_scheme(headers: dict[str, str], scheme: str) -> None:
    assert seen(headers)["url"] == f"{scheme}://testserver/"


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"X-Forwarded-Host": "shop.example"}, "http://shop.example/"),
        ({"X-Forwarded-Host": "shop.example:8080"}, "http://shop.example:8080/"),
        ({"X-Forwarded-Host": "evil.example, shop.example"}, "http://shop.example/"),
        ({"X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"}, "https://shop.example/"),
        ({"X-Forwarded-Port": "8443", "X-Forwarded-Proto": "https"}, "https://testserver:8443/"),
        ({"X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"}, "https://testserver/"),
        ({"X-Forwarded-Host": "shop.example", "X-Forwarded-Port": "81"}, "http://shop.example:81/"),
        ({"X-Forwarded-Host": "shop.example:82", "X-Forwarded-Port": "81"}, "http://shop.example:82/"),
        ({"X-Forwarded-Host": "[2a00::1]", "X-Forwarded-Port": "81"}, "http://[2a00::1]:81/"),
        ({"X-Forwarded-Host": "a b"}, "http://testserver/"),
        ({"X-Forwarded-Host": "evil.example/x"}, "http://testserver/"),
        ({"X-Forwarded-Host": "u@evil.example"}, "http://testserver/"),
        ({"X-Forwarded-Host": ""}, "http://testserver/"),
        ({"X-Forwarded-Port": "99999"}, "http://testserver/"),
        ({"X-Forwarded-Port": "0"}, "http://testserver/"),
        ({"X-Forwarded-Port": "8x"}, "http://testserver/"),
    ],
)
def test_host_and_port_where_asked_for(headers: dict[str, str], url: str) -> None:
    assert seen(headers, read=ALL_X)["url"] == url
    assert "testserver" in seen(headers)["url"]  # by default a proxy is not taken to set them


@pytest.mark.parametrize(
    ("lines", "client", "url"),
    [
        (["for=1.2.3.4;proto=https;host=shop.example"], ["1.2.3.4", 0], "https://shop.example/"),
        (['for="[2a00::1]:80"'], ["2a00::1", 80], "http://testserver/"),
        (["for=6.6.6.6;host=evil.example, for=1.2.3.4;proto=https"], ["1.2.3.4", 0], "https://testserver/"),
        (["for=1.2.3.4;host=a.example, for=10.0.0.9;host=b.example"], ["1.2.3.4", 0], "http://a.example/"),
        (["for=1.2.3.4, for=10.0.0.9;proto=https"], ["1.2.3.4", 0], "https://testserver/"),
        (["for=1.2.3.4;host=a.example, for=_hidden;host=b.example"], list(PROXY), "http://b.example/"),
        (["for=1.2.3.4, for=unknown, for=10.0.0.9"], ["10.0.0.9", 0], "http://testserver/"),
        (["proto=https"], list(PROXY), "https://testserver/"),
        (['for="', "for=1.2.3.4"], ["1.2.3.4", 0], "http://testserver/"),  # the spoilt line was the client's
        (['for=6.6.6.6;x="', 'for=1.2.3.4;host="b.example"'], ["1.2.3.4", 0], "http://b.example/"),
        (['for=6.6.6.6;x=", for=1.2.3.4'], list(PROXY), "http://testserver/"),
        (["for=1.2.3.4;for=5.6.7.8"], list(PROXY), "http://testserver/"),
        (['for=1.2.3.4;host="a b"'], ["1.2.3.4", 0], "http://testserver/"),
        (["for=1.2.3.4;proto=gopher"], ["1.2.3.4", 0], "http://testserver/"),
        ([""], list(PROXY), "http://testserver/"),
    ],
)
def test_forwarded(lines: list[str], client: list[Any], url: str) -> None:
    shown = seen([("Forwarded", line) for line in lines], read=["forwarded"])
    assert (shown["client"], shown["url"]) == (client, url)


def test_the_other_family_is_never_read() -> None:
    headers = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "Forwarded": "for=1.2.3.4"}
    assert seen(headers, read=["forwarded"])["client"] == ["1.2.3.4", 0]
    assert seen(headers, read=["forwarded"])["url"] == "http://testserver/"
    assert seen(headers)["client"] == ["6.6.6.6", 0]


def test_what_was_read_before_is_corrected() -> None:
    async def early(request: Any, call_next: Any) -> Response:
        assert str(request.url) == "http://testserver/"
        assert request.headers["host"] == "testserver"
        response: Response = await call_next(request)
        return response

    layer = ProxyHeadersMiddleware(trusted_hosts=OURS, headers=ALL_X)
    client = client_of(early, layer, handler=show, client=PROXY)
    shown = client.get("/", headers={"X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"}).json()
    assert (shown["url"], shown["host"]) == ("https://shop.example/", "shop.example")


def test_together_with_hosts_and_https() -> None:
    layers = [
        ProxyHeadersMiddleware(trusted_hosts=OURS, headers=ALL_X),
        TrustedHostMiddleware(allowed_hosts=["shop.example"]),
        HTTPSRedirectMiddleware(),
    ]
    client = client_of(*layers, handler=show, client=PROXY, follow_redirects=False)
    good = {"X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"}
    assert client.get("/", headers=good).status_code == 200
    assert client.get("/", headers={"X-Forwarded-Host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"X-Forwarded-Host": "shop.example"}).headers["location"] == "https://shop.example/"


def test_websockets_too() -> None:
    onion = Onion(show, ProxyHeadersMiddleware(trusted_hosts=OURS))
    client = TestClient(onion, client=PROXY)
    with client.websocket_connect("/", headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}) as ws:
        ws.receive_text()
    assert (onion.seen[0].scope["client"], onion.seen[0].scope["scheme"]) == (("1.2.3.4", 0), "wss")


HOSTILE = st.text(st.sampled_from('0123456789abcdef.:[],;="\\ \t_/@forhstp\x7f\xff'), max_size=60)


@given(forwarded=HOSTILE, forwarded_for=HOSTILE, proto=HOSTILE, host=HOSTILE, port=HOSTILE)
def test_nothing_in_these_headers_breaks_a_request(**sent: str) -> None:
    import asyncio

    from ketch.http.request import Request
    from ketch.http.url import valid_host

    names = {"forwarded": "forwarded", "forwarded_for": "x-forwarded-for"}
    headers = [(b"host", b"testserver")]
    for name, value in sent.items():
        headers.append((names.get(name, f"x-forwarded-{name}").encode(), value.encode("latin-1")))
    for read in (["forwarded"], ALL_X):
        scope = {
            "type": "http",
            "scheme": "http",
            "path": "/",
            "query_string": b"",
            "client": PROXY,
            "headers": headers,
        }
        layer = ProxyHeadersMiddleware(trusted_hosts=OURS, headers=read)
        request = Request(scope, None)  # type: ignore[arg-type]

        async def look(request: Any) -> Response:
            assert valid_host(request.url.netloc)
            assert request.url.scheme in ("http", "https")
            return Response()

        asyncio.run(layer(request, look))


def test_remembering_peers_is_bounded() -> None:
    layer = ProxyHeadersMiddleware(trusted_hosts=OURS)
    for number in range(3000):
        layer._trusts_peer((f"11.0.{number // 256}.{number % 256}", 1))
    assert len(layer._known_peers) == 1024
    assert layer._trusts_peer(("10.1.1.1", 1))


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"trusted_hosts": []}, "KETCH-MW-015", "trusts no proxy"),
        ({"trusted_hosts": ["*"]}, "KETCH-MW-015", "would trust everybody"),
        ({"trusted_hosts": ["10.0.0.1", "*"]}, "KETCH-MW-015", "would trust everybody"),
        ({"trusted_hosts": ["proxy.internal"]}, "KETCH-MW-016", "no address or network"),
        ({"trusted_hosts": ["10.0.0.1/8"]}, "KETCH-MW-016", "host bits set"),
        ({"trusted_hosts": "10.0.0.1"}, "KETCH-MW-010", 'trusted_hosts=["10.0.0.1"]'),
        ({"trusted_hosts": OURS, "headers": ["x-forwarded-fro"]}, "KETCH-MW-017", "'x-forwarded-for'"),
        ({"trusted_hosts": OURS, "headers": ["host"]}, "KETCH-MW-017", "is not a header of proxies"),
        ({"trusted_hosts": OURS, "headers": ["forwarded", "x-forwarded-for"]}, "KETCH-MW-017", "together"),
    ],
)
def test_mistakes_are_told_at_start_up(options: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(SetupError) as caught:
        ProxyHeadersMiddleware(**options)
    assert caught.value.code == code
    assert words in str(caught.value)
