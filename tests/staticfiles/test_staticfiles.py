"""Static files from outside: what is served, how long it may be kept, and what can never be reached."""

import asyncio
import gzip
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.problems import HTTPException, MethodNotAllowed, NotFound, PreconditionFailed
from ketch.staticfiles import StaticFiles, UnknownStaticFile
from tests.support.exchange import Exchange

IMMUTABLE = "public, max-age=31536000, immutable"
OLD = 1_000_000_000


def write(place: Path, content: str | bytes) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(place, (OLD, OLD))
    return place


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    write(root / "app.css", "body {}")
    write(root / "js/app.js", "go()")
    write(root / "index.html", "<p>home")
    write(root / "docs/index.html", "<p>docs")
    write(root / "empty/note.txt", "note")
    write(root / "LICENSE", "free")
    write(root / "größe 1.txt", "gross")
    write(root / ".env", "SECRET=1")
    write(root / ".git/config", "secret")
    write(tmp_path / "outside.txt", "secret")
    write(tmp_path / "static-other/x.txt", "secret")
    return root


def get(files: StaticFiles, path: str, method: str = "GET", **fields: str) -> Exchange:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]

    async def run() -> Exchange:
        exchange = Exchange(method, headers=headers, path_params={"path": path})
        return await exchange.answer(await files(exchange.request))

    return asyncio.run(run())


def status(files: StaticFiles, path: str, method: str = "GET", **fields: str) -> int:
    try:
        return get(files, path, method, **fields).status
    except HTTPException as error:
        return error.status_code


def test_plain_names_are_revalidated(site: Path) -> None:
    files = StaticFiles(site)
    exchange = get(files, "app.css")
    assert exchange.body == b"body {}"
    assert exchange.headers["content-type"] == "text/css; charset=utf-8"
    assert exchange.headers["cache-control"] == "no-cache"
    assert exchange.headers["x-content-type-options"] == "nosniff"
    assert "vary" not in exchange.headers
    assert get(files, "app.css", if_none_match=exchange.headers["etag"]).status == 304
    assert get(files, "js/app.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert get(files, "größe 1.txt").body == b"gross"
    assert get(files, "app.css", range="bytes=0-3").body == b"body"


def test_get_and_head_only(site: Path) -> None:
    files = StaticFiles(site)
    assert get(files, "app.css", "HEAD").body == b""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        with pytest.raises(MethodNotAllowed) as caught:
            get(files, "app.css", method)
        assert caught.value.allow == ("GET", "HEAD")


def test_conditions_are_decided_before_the_response_is_returned(site: Path) -> None:
    async def run() -> None:
        exchange = Exchange(headers=[(b"if-match", b'"x"')], path_params={"path": "app.css"})
        with pytest.raises(PreconditionFailed):
            await StaticFiles(site)(exchange.request)

    asyncio.run(run())


# Folders


def test_folders(site: Path) -> None:
    files = StaticFiles(site)
    assert get(files, "").body == b"<p>home"
    assert get(files, "docs/").body == b"<p>docs"
    redirect = get(files, "docs")
    assert (redirect.status, redirect.headers["location"]) == (308, "./docs/")
    for path in ("empty", "empty/", "none/", "app.css/", "docs//", "//docs"):
        assert status(files, path) == 404, path


def test_a_redirect_never_leads_away(site: Path) -> None:
    write(site / "a b:c/index.html", "x")
    write(site / "evil.com/index.html", "x")
    assert get(StaticFiles(site), "evil.com").headers["location"] == "./evil.com/"
    assert status(StaticFiles(site), "/evil.com") == 404


# What cannot be reached

HOSTILE = [
    "..",
    "../outside.txt",
    "../static/../outside.txt",
    "js/../../outside.txt",
    "js/../app.css",
    "./app.css",
    "js//app.js",
    "/app.css",
    "/etc/passwd",
    "//etc/passwd",
    "..\\outside.txt",
    "js\\app.js",
    "js\\..\\..\\outside.txt",
    "C:/Windows/win.ini",
    "c:outside.txt",
    "app.css::$DATA",
    "app.css\0",
    "app.css\0.txt",
    "\0",
    "app.css\n",
    ".env",
    ".git/config",
    "js/.hidden",
    ".",
    "...",
    "app.css.",
    "app.css ",
    " app.css",
    "CON",
    "con.txt",
    "js/NUL",
    "aux.css",
    "COM1",
    "lpt9.log",
    "../static-other/x.txt",
    "%2e%2e/outside.txt",
    "..%2foutside.txt",
    "%252e%252e%252foutside.txt",
    "．．/outside.txt",
    "..;/outside.txt",
    "~root/.ssh/id_rsa",
    "x" * 5_000,
    "a/" * 4_000,
    "*",
    "?",
    "app.css?x",
    "\ud800",
]


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("decoded", [0, 1, 2])
def test_hostile_paths(site: Path, path: str, decoded: int) -> None:
    for _ in range(decoded):
        path = unquote(path)
    assert status(StaticFiles(site), path) == 404
    assert status(StaticFiles(site, follow_symlinks=True, immutable=False), path) == 404


@pytest.mark.parametrize("path", HOSTILE)
def test_nor_do_names_for_templates_reach_them(site: Path, path: str) -> None:
    if path.startswith("/") and path.lstrip("/") == "app.css":
        return
    with pytest.raises(UnknownStaticFile):
        StaticFiles(site).url(path)


pieces = st.sampled_from(
    ["..", ".", "/", "\\", "js", "app.css", "outside.txt", "static-other", "\0", "%2e", "C:", ".env", "~"]
)


@given(st.lists(pieces, max_size=10).map("".join))
def test_nothing_outside_is_ever_served(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    base = tmp_path_factory.getbasetemp() / "property"
    root = base / "static"
    if not root.exists():
        write(root / "app.css", "inside")
        write(root / "js/app.js", "inside")
        write(root / ".env", "secret")
        write(base / "outside.txt", "secret")
        write(base / "static-other/app.css", "secret")
    try:
        assert get(StaticFiles(root, spa=True), path).body == b"inside"
    except NotFound:
        pass


def test_links(site: Path, tmp_path: Path) -> None:
    os.symlink(tmp_path / "outside.txt", site / "escape.txt")
    os.symlink(tmp_path, site / "up")
    os.symlink("app.css", site / "alias.css")
    os.symlink(".env", site / "env.txt")
    os.symlink(tmp_path / "static-other", site / "other")
    os.symlink("missing", site / "dangling")
    strict, loose = StaticFiles(site), StaticFiles(site, follow_symlinks=True)
    assert get(strict, "alias.css").body == b"body {}"
    for path in ("escape.txt", "up/outside.txt", "up/static-other/x.txt", "other/x.txt", "env.txt", "dangling"):
        assert status(strict, path) == 404, path
        with pytest.raises(UnknownStaticFile):
            strict.url(path)
    assert get(loose, "escape.txt").body == b"secret"
    assert get(loose, "up/outside.txt").body == b"secret"
    assert status(loose, "dangling") == 404


def test_a_folder_that_is_itself_a_link_or_hidden(site: Path, tmp_path: Path) -> None:
    os.symlink(site, tmp_path / "link")
    assert get(StaticFiles(tmp_path / "link"), "app.css").body == b"body {}"
    write(tmp_path / ".cache/static/a.txt", "a")
    assert get(StaticFiles(tmp_path / ".cache/static"), "a.txt").body == b"a"


def test_dotfiles_when_asked_for(site: Path) -> None:
    files = StaticFiles(site, dotfiles=True)
    assert get(files, ".env").body == b"SECRET=1"
    assert status(files, "../outside.txt") == 404


def test_special_files_are_not_served(site: Path) -> None:
    os.mkfifo(site / "pipe.txt")
    assert status(StaticFiles(site), "pipe.txt") == 404


def test_a_missing_folder_serves_nothing(tmp_path: Path) -> None:
    assert status(StaticFiles(tmp_path / "none"), "app.css") == 404


# Hashed names


def test_hashed_names(site: Path) -> None:
    files = StaticFiles(site, prefix="/static")
    url = files.url("app.css")
    assert re.fullmatch(r"/static/app\.[0-9a-f]{8}\.css", url)
    assert files.url("app.css") == url
    exchange = get(files, url.removeprefix("/static/"))
    assert exchange.body == b"body {}"
    assert exchange.headers["cache-control"] == IMMUTABLE
    assert exchange.headers["content-type"] == "text/css; charset=utf-8"
    assert re.fullmatch(r"/static/js/app\.[0-9a-f]{8}\.js", files.url("js/app.js"))
    assert re.fullmatch(r"/static/LICENSE\.[0-9a-f]{8}", files.url("LICENSE"))
    for name in ("js/app.js", "LICENSE", "größe 1.txt", "docs/index.html"):
        path = unquote(files.url(name)).removeprefix("/static/")
        assert get(files, path).headers["cache-control"] == IMMUTABLE, name
    assert files.url("größe 1.txt").startswith("/static/gr%C3%B6%C3%9Fe%201.")


def test_a_changed_file_has_a_new_name_and_the_old_one_is_gone(site: Path) -> None:
    files = StaticFiles(site)
    old = files.url("app.css")
    (site / "app.css").write_text("body {color: red}")
    new = files.url("app.css")
    assert new != old
    assert status(files, old.removeprefix("/static/")) == 404
    assert get(files, new.removeprefix("/static/")).body == b"body {color: red}"
    assert status(files, "app.00000000.css") == 404


def test_a_real_file_with_such_a_name_is_plain(site: Path) -> None:
    write(site / "app.00000000.css", "real")
    exchange = get(StaticFiles(site), "app.00000000.css")
    assert (exchange.body, exchange.headers["cache-control"]) == (b"real", "no-cache")


def test_without_hashed_names(site: Path) -> None:
    hashed = StaticFiles(site).url("app.css").removeprefix("/static/")
    files = StaticFiles(site, immutable=False, prefix="assets/")
    assert files.url("app.css") == "/assets/app.css"
    assert status(files, hashed) == 404


def test_large_files_keep_their_names(site: Path) -> None:
    write(site / "film.mp4", b"x" * 4_194_305)
    assert StaticFiles(site).url("film.mp4") == "/static/film.mp4"
    assert status(StaticFiles(site), "film.00000000.mp4") == 404


@pytest.mark.parametrize(("prefix", "url"), [("/", "/"), ("", "/"), ("/a/b/", "/a/b/"), ("static", "/static/")])
def test_prefixes(site: Path, prefix: str, url: str) -> None:
    assert StaticFiles(site, prefix=prefix).url("/app.css").startswith(url + "app.")


def test_a_wrong_name_is_told_with_the_nearest(site: Path) -> None:
    with pytest.raises(UnknownStaticFile, match=r'no static file .*Did you mean "js/app.js"'):
        StaticFiles(site).url("js/ap.js")


# Precompressed


@pytest.fixture
def packed(site: Path) -> Path:
    write(site / "app.css.gz", gzip.compress(b"body {}"))
    write(site / "app.css.br", b"brotli")
    write(site / "app.css.zst", b"zstandard")
    write(site / "js/app.js.gz", gzip.compress(b"go()"))
    return site


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "zstd"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("deflate", None),
        ("gzip;q=0", None),
        ("", None),
        ("gzip;q=nonsense", None),
    ],
)
def test_precompressed(packed: Path, accepted: str, coding: str | None) -> None:
    files = StaticFiles(packed)
    contents = {"br": b"brotli", "zstd": b"zstandard", None: b"body {}"}
    for path in ("app.css", files.url("app.css").removeprefix("/static/")):
        exchange = get(files, path, accept_encoding=accepted)
        assert exchange.headers.get("content-encoding") == coding
        assert exchange.headers["vary"] == "Accept-Encoding"
        assert exchange.headers["content-type"] == "text/css; charset=utf-8"
        if coding == "gzip":
            assert gzip.decompress(exchange.body) == b"body {}"
        else:
            assert exchange.body == contents[coding]


def test_each_coding_has_its_own_tag(packed: Path) -> None:
    files = StaticFiles(packed)
    tags = {get(files, "app.css", accept_encoding=coding).headers["etag"] for coding in ("br", "zstd", "gzip", "none")}
    assert len(tags) == 4
    exchange = get(files, "app.css", accept_encoding="br", if_none_match=tags.pop())
    assert exchange.headers["vary"] == "Accept-Encoding"


def test_a_stale_sibling_is_not_served(packed: Path) -> None:
    (packed / "js/app.js").write_text("changed()")
    assert get(StaticFiles(packed), "js/app.js", accept_encoding="gzip").body == b"changed()"


def test_the_archive_itself(packed: Path) -> None:
    exchange = get(StaticFiles(packed), "app.css.gz", accept_encoding="gzip")
    assert exchange.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in exchange.headers


# One page for all

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_navigations_get_the_page(site: Path) -> None:
    for spa in (True, "index.html"):
        files = StaticFiles(site, spa=spa)
        for path in ("users/7", "users/7/", "deep/er/john.doe", "item/a:b", "none.png", "empty/"):
            exchange = get(files, path, accept=BROWSER, sec_fetch_mode="navigate")
            assert (exchange.body, exchange.headers["cache-control"]) == (b"<p>home", "no-cache"), path
            assert exchange.headers["content-type"].startswith("text/html")
        assert get(files, "users/7", accept=BROWSER).body == b"<p>home"
        assert get(files, "app.css", accept=BROWSER).body == b"body {}"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"accept": "*/*"},
        {"accept": "application/json"},
        {"accept": "image/avif,image/webp,*/*;q=0.8"},
        {"accept": BROWSER, "sec_fetch_mode": "no-cors"},
        {"accept": BROWSER, "sec_fetch_mode": "cors"},
    ],
)
def test_nothing_else_gets_the_page(site: Path, fields: dict[str, Any]) -> None:
    assert status(StaticFiles(site, spa=True), "users/7", **fields) == 404


@pytest.mark.parametrize("path", ["../outside.txt", ".env", "a/../b", "a\\b", "a\0", ".git/config"])
def test_tricks_do_not_get_the_page(site: Path, path: str) -> None:
    assert status(StaticFiles(site, spa=True), path, accept=BROWSER) == 404


def test_without_the_page_it_is_not_found(site: Path) -> None:
    (site / "index.html").unlink()
    assert status(StaticFiles(site, spa=True), "users/7", accept=BROWSER) == 404
    assert status(StaticFiles(site), "users/7", accept=BROWSER) == 404


def test_it_describes_itself(site: Path) -> None:
    assert StaticFiles(site, spa=True).describe() == {
        "prefix": "/static",
        "directory": str(site),
        "spa": "index.html",
        "immutable": True,
    }
