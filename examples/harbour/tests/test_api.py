from __future__ import annotations

from typing import Any

import pytest

from ketch.testing import TestClient


def names(client: TestClient, query: str) -> list[str]:
    answer = client.get(f"/api/airports?{query}")
    assert answer.status_code == 200, answer.text
    return [airport["icao"] for airport in answer.json()["items"]]


def test_the_whole_catalogue_is_there(client: TestClient) -> None:
    assert sum(entry["airports"] for entry in client.get("/api/countries").json()) > 28_000


def test_one_airport(client: TestClient) -> None:
    heathrow = client.get("/api/airports/EGLL").json()
    assert heathrow["iata"] == "LHR"
    assert heathrow["timezone"] == "Europe/London"
    assert "words" not in heathrow
    assert client.get("/api/airports/QQQQ").status_code == 404


@pytest.mark.parametrize(
    ("words", "first"),
    [("ZRH", "LSZH"), ("lszh", "LSZH"), ("zürich", "LSZH"), ("heathrow london", "EGLL"), ("tromso", "ENTC")],
)
def test_search_finds_codes_words_and_accents(client: TestClient, words: str, first: str) -> None:
    assert names(client, f"q={words}")[0] == first


def test_search_takes_wildcards_literally(client: TestClient) -> None:
    assert names(client, "q=%25%25") == []
    assert all("_" in code for code in names(client, "q=_&limit=200"))


def test_filters_narrow(client: TestClient) -> None:
    answer = client.get("/api/airports?country=NP&min_elevation=9000&max_elevation=12000&has_iata=true").json()
    assert answer["items"]
    for airport in answer["items"]:
        assert airport["country"] == "NP"
        assert 9000 <= airport["elevation"] <= 12000
        assert airport["iata"]


def test_sorting_by_several_fields(client: TestClient) -> None:
    items = client.get("/api/airports?sort=-elevation,name&limit=50").json()["items"]
    assert items == sorted(items, key=lambda item: (-item["elevation"], item["name"]))
    assert items[0]["elevation"] > 14_000


@pytest.mark.parametrize(
    "query", ["country=IS", "country=IS&sort=-changed_at,elevation", "q=field&country=CA&sort=city"]
)
def test_pages_hold_every_row_once(client: TestClient, query: str) -> None:
    seen: list[str] = []
    path: str | None = f"/api/airports?{query}&limit=40"
    cursor, pages = None, 0
    while True:
        page = client.get(f"{path}&cursor={cursor}" if cursor else str(path)).json()
        seen += [item["icao"] for item in page["items"]]
        cursor, pages = page["next"], pages + 1
        if cursor is None:
            break
    assert pages > 1
    assert len(seen) == len(set(seen)) == len(names(client, f"{query}&limit=200"))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "cursor=nonsense",
        "sort=password",
        "sort=name;drop",
        "country=Germany",
        "min_elevation=high",
        "min_elevation=1e999",
        "has_iata=perhaps",
        "q=" + "x" * 101,
    ],
)
def test_bad_queries_are_422(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/airports?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["query", query.partition("=")[0]]


def test_a_life_of_an_airport(client: TestClient, airfield: str) -> None:
    path = f"/api/airports/{airfield}"
    assert client.get(path).json()["elevation"] == 0
    changed = client.patch(path, json={"elevation": 1200, "iata": "QZX"}).json()
    assert (changed["elevation"], changed["iata"], changed["name"]) == (1200, "QZX", "Test Field")
    assert names(client, "q=qzx")[0] == airfield
    replaced = client.put(path, json={"name": "Other Field", "country": "FR", "latitude": 1, "longitude": 2}).json()
    assert (replaced["elevation"], replaced["iata"], replaced["country"]) == (0, None, "FR")
    assert names(client, "q=qzx") == []
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404


def test_a_new_airport_says_where_it_is(client: TestClient) -> None:
    body = {"icao": "ZZ02", "name": "Here", "country": "DE", "latitude": 1, "longitude": 1}
    made = client.post("/api/airports", json=body)
    assert made.headers["location"] == "/api/airports/ZZ02"
    assert client.delete("/api/airports/ZZ02").status_code == 204


def test_codes_are_taken_once(client: TestClient, airfield: str) -> None:
    body = {"icao": airfield, "name": "Here", "country": "DE", "latitude": 1, "longitude": 1}
    again = client.post("/api/airports", json=body)
    assert again.status_code == 409
    assert again.json()["errors"][0]["loc"] == ["body", "icao"]
    taken = client.patch(f"/api/airports/{airfield}", json={"iata": "LHR"})
    assert taken.status_code == 409
    assert taken.json()["errors"][0]["loc"] == ["body", "iata"]
    assert client.get(f"/api/airports/{airfield}").json()["iata"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"latitude": 90.001}, "latitude"),
        ({"longitude": -181}, "longitude"),
        ({"latitude": "50"}, "latitude"),
        ({"iata": "lhr"}, "iata"),
        ({"iata": "LHR\n"}, "iata"),
        ({"country": "DEU"}, "country"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"elevation": 12.5}, "elevation"),
        ({"elevation": 10**30}, "elevation"),
        ({"timezone": "Mars; DROP"}, "timezone"),
        ({"icao": "EGLL"}, "icao"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_bad_values_are_422_and_change_nothing(
    client: TestClient, airfield: str, change: dict[str, Any], field: str
) -> None:
    before = client.get(f"/api/airports/{airfield}").json()
    answer = client.patch(f"/api/airports/{airfield}", json=change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", field]
    assert client.get(f"/api/airports/{airfield}").json() == before


def test_every_mistake_is_told_at_once(client: TestClient) -> None:
    answer = client.post("/api/airports", json={"icao": "x", "latitude": 100, "country": "D", "extra": 1})
    fields = {error["loc"][1] for error in answer.json()["errors"]}
    assert fields == {"icao", "latitude", "longitude", "name", "country", "extra"}


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"", "application/json", 422),
    ],
)
def test_bad_bodies(client: TestClient, content: bytes, media_type: str, status: int) -> None:
    answer = client.post("/api/airports", content=content, headers={"content-type": media_type})
    assert answer.status_code == status


def test_the_document_declares_every_status(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"200", "404", "409", "413", "415", "422"} <= set(paths["/api/airports/{icao}"]["patch"]["responses"])
    assert {"201", "404", "409", "413", "415", "422"} <= set(paths["/api/airports/{icao}/photos"]["post"]["responses"])
    assert "text/event-stream" in paths["/api/changes"]["get"]["responses"]["200"]["content"]
    assert "/" not in paths
