from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest

from harbour.photos import MAX_BYTES, MAX_PER_AIRPORT, picture_type
from ketch.testing import TestClient

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
    b"\x00\x00\x00\x0cIDAT" + zlib.compress(b"\x00\x12\x34\x56") + b"\x00\x00\x00\x00"
)


def upload(client: TestClient, code: str, data: bytes = PNG, name: str = "a.png", caption: str = "") -> Any:
    return client.post(
        f"/api/airports/{code}/photos", files={"photo": (name, data, "image/png")}, data={"caption": caption}
    )


def test_a_photo_goes_up_and_comes_back(client: TestClient, airfield: str, folder: Path) -> None:
    made = upload(client, airfield, caption="Dawn").json()
    assert (made["media_type"], made["size"], made["caption"]) == ("image/png", len(PNG), "Dawn")
    picture = client.get(made["url"])
    assert picture.content == PNG
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert client.get(f"/api/airports/{airfield}/photos").json() == [made]
    assert client.delete(made["url"]).status_code == 204
    assert client.get(made["url"]).status_code == 404
    assert not list((folder / "photos").glob("*"))


def test_photos_go_with_their_airport(client: TestClient, airfield: str, folder: Path) -> None:
    url = upload(client, airfield).json()["url"]
    client.delete(f"/api/airports/{airfield}")
    assert client.get(url).status_code == 404
    assert not list((folder / "photos").glob("*"))


@pytest.mark.parametrize("name", ["../../../etc/passwd", "..\\x.png", "a\0.png", "x" * 5_000 + ".png", "<b>.png"])
def test_the_clients_file_name_is_never_a_path(client: TestClient, airfield: str, folder: Path, name: str) -> None:
    answer = upload(client, airfield, name=name)
    assert answer.status_code in (201, 400, 413)
    for path in (folder / "photos").glob("*"):
        assert path.suffix == ".png"
        assert len(path.stem) == 32


@pytest.mark.parametrize(
    "data", [b"", b"GIF", b"<svg onload=alert(1)>", b"<!doctype html>", b"\xff\xd8", b"%PDF-1.7", b"\x00" * 64]
)
def test_what_is_no_picture_is_415(client: TestClient, airfield: str, data: bytes) -> None:
    assert upload(client, airfield, data).status_code == 415
    assert client.get(f"/api/airports/{airfield}/photos").json() == []


def test_too_large_is_413(client: TestClient, airfield: str) -> None:
    assert upload(client, airfield, PNG + b"\0" * MAX_BYTES).status_code == 413


def test_missing_and_wrong_forms_are_refused(client: TestClient, airfield: str) -> None:
    path = f"/api/airports/{airfield}/photos"
    assert client.post(path, files={"other": ("a.png", PNG)}).status_code == 422
    assert client.post(path, json={"photo": "x"}).status_code == 415
    long = client.post(path, files={"photo": ("a.png", PNG)}, data={"caption": "x" * 201})
    assert long.json()["errors"][0]["loc"] == ["body", "caption"]
    assert client.post("/api/airports/QQQQ/photos", files={"photo": ("a.png", PNG)}).status_code == 404


def test_there_is_an_end_to_it(client: TestClient, airfield: str) -> None:
    for _ in range(MAX_PER_AIRPORT):
        assert upload(client, airfield).status_code == 201
    assert upload(client, airfield).status_code == 409


def test_kinds_come_from_the_first_bytes() -> None:
    assert picture_type(b"\xff\xd8\xff\xe0") == ("image/jpeg", ".jpg")
    assert picture_type(b"GIF89a...") == ("image/gif", ".gif")
    assert picture_type(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == ("image/webp", ".webp")
    assert picture_type(b"RIFF\x00\x00\x00\x00WAVEfmt ") is None
