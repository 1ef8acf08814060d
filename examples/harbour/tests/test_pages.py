from __future__ import annotations

import re
from pathlib import Path

import pytest

from harbour import world
from harbour.loading import load_catalogue, read_rows
from harbour.models import fold
from harbour.welcome import lines
from ketch.data import Database, func, select
from ketch.testing import TestClient

from .test_photos import PNG


def test_the_catalogue_is_a_page(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "places to land" in page.text
    assert page.text.count('class="row"') == 20
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in page.text
    assert " style=" not in page.text
    assert not re.search(r"<script(?![^>]* src=)", page.text)


def test_search_and_pages_work_by_links_alone(client: TestClient) -> None:
    first = client.get("/?q=airport&country=IS&above=&sort=name&iata=true").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    second = client.get(following[1].replace("&amp;", "&"))
    assert second.status_code == 200
    rows = re.compile(r'class="row" href="([^"]+)"')
    assert not set(rows.findall(first)) & set(rows.findall(second.text))
    assert 'rel="prev"' in second.text
    assert "Nothing by that name" in client.get("/?q=qqqqqq").text


def test_what_is_typed_is_escaped(client: TestClient) -> None:
    page = client.get("/", params={"q": "<script>alert(1)</script>\"'"})
    assert "<script>alert" not in page.text


@pytest.mark.parametrize("query", ["sort=evil", "above=high", "country=x", "cursor=%00", "q=" + "a" * 101])
def test_bad_queries_of_a_page_are_422(client: TestClient, query: str) -> None:
    assert client.get(f"/?{query}").status_code == 422


def test_an_airport_has_a_page_with_photos(client: TestClient, airfield: str) -> None:
    path = f"/airports/{airfield}"
    sent = client.post(path, files={"photo": ("a.png", PNG)}, data={"caption": "<b>Dawn</b>"}, follow_redirects=False)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{path}#photos")
    page = client.get(path).text
    assert "Test Field" in page
    assert "&lt;b&gt;Dawn&lt;/b&gt;" in page
    refused = client.post(path, files={"photo": ("a.txt", b"no picture")}, data={"caption": ""})
    assert refused.status_code == 415
    assert 'role="alert"' in refused.text
    assert client.get("/airports/QQQQ").status_code == 404


def test_the_map_has_its_dots(client: TestClient) -> None:
    picture = client.get("/world.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.text.count("h0") > 4_000


@pytest.mark.parametrize("file", ["harbour.css", "harbour.js", "icon.svg"])
def test_static_files_are_served(client: TestClient, file: str) -> None:
    assert client.get(f"/static/{file}").status_code == 200


def test_projection() -> None:
    assert world.project(0, 0) == (world.WIDTH / 2, world.HEIGHT / 2)
    for latitude, longitude in ((90, 180), (-90, -180), (0, 180), (52, -179)):
        x, y = world.project(latitude, longitude)
        assert 0 <= x <= world.WIDTH
        assert 0 <= y <= world.HEIGHT


def test_folding() -> None:
    assert fold("Zürich TROMSØ Łódź São") == "zurich tromso lodz sao"


def test_every_row_of_the_data_set_fits_its_column() -> None:
    from harbour.models import Airport

    rows = read_rows()
    for name in ("icao", "iata", "name", "city", "region", "country", "timezone", "words"):
        length: int = Airport.__table__.c[name].type.length  # type: ignore[attr-defined]
        assert max(len(row[name] or "") for row in rows) <= length


def test_loading_is_all_or_nothing_and_happens_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from harbour import loading
    from harbour.models import Airport

    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(loading, "CHUNK", 10)

    async def run() -> None:
        database = Database(f"sqlite:///{tmp_path / 'h.db'}", create_tables=True)
        await database.open()
        try:
            with monkeypatch.context() as patch:
                patch.setattr(loading, "progress_bar", FailingBar)
                with pytest.raises(KeyboardInterrupt):
                    await load_catalogue(database.sessions, 50)
            async with database.sessions(read_only=True) as session:
                assert await session.scalar(select(func.count()).select_from(Airport)) == 0
            both = await asyncio.gather(load_catalogue(database.sessions, 50), load_catalogue(database.sessions, 50))
            assert list(both) == [50, 50]
            async with database.sessions(read_only=True) as session:
                assert await session.scalar(select(func.count()).select_from(Airport)) == 50
        finally:
            await database.close()

    asyncio.run(run())


class FailingBar:
    """Told that 20 rows are in, it stops everything, as Ctrl+C would."""

    def __init__(self, total: int) -> None: ...

    def __enter__(self) -> object:
        def told(done: int) -> None:
            if done >= 20:
                raise KeyboardInterrupt

        return told

    def __exit__(self, *exc: object) -> None: ...


def test_the_terminal_is_told_where_to_click() -> None:
    told = "\n".join(text for _, text in lines(7, "http://127.0.0.1:9000", "sqlite:///x.db"))
    assert "http://127.0.0.1:9000/docs" in told
    assert "curl -N" in told
