import pytest

from ketch.http.mediatypes import guess_media_type


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("app.js", "text/javascript"),
        ("app.mjs", "text/javascript"),
        ("a/b/STYLE.CSS", "text/css"),
        ("x.wasm", "application/wasm"),
        ("font.woff2", "font/woff2"),
        ("data.tar.gz", "application/gzip"),
        ("page.html.br", "application/octet-stream"),
        ("letter.doc", "application/msword"),
        ("README", "application/octet-stream"),
        ("what.unheard-of", "application/octet-stream"),
        ("x.", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_guess(name: str, media_type: str) -> None:
    assert guess_media_type(name) == media_type
