import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.disposition import clean_filename, content_disposition, is_reserved


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("report.pdf", "report.pdf"),
        ("naïve résumé.txt", "naïve résumé.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\Users\\ann\\a.txt", "a.txt"),
        ("C:evil.txt", "C_evil.txt"),
        ("/etc/", "etc"),
        ("a\x00b.txt", "ab.txt"),
        ("a\r\nSet-Cookie: b.txt", "aSet-Cookie_ b.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("trailing. . .", "trailing"),
        ("  spaced  ", "spaced"),
        ("CON", "_CON"),
        ("aux.txt", "_aux.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("LPT¹.txt", "_LPT¹.txt"),
        ("console.txt", "console.txt"),
        (".htaccess", ".htaccess"),
        ("", "upload"),
        (None, "upload"),
        ("..", "upload"),
        (".", "upload"),
        ("///", "upload"),
        ("\x00", "upload"),
        ("a\ud800b", "ab"),
    ],
)
def test_clean_filename(raw: str | None, clean: str) -> None:
    assert clean_filename(raw) == clean


def test_a_long_name_is_shortened_and_keeps_its_extension() -> None:
    name = clean_filename("é" * 400 + ".jpeg")
    assert name.endswith(".jpeg")
    assert len(name.encode()) <= 255
    assert len(clean_filename("x" * 5_000)) <= 255
    assert len(clean_filename("a." + "x" * 5_000)) <= 255


@given(st.text(max_size=600))
def test_a_clean_name_is_one_harmless_component(raw: str) -> None:
    name = clean_filename(raw)
    assert name
    assert name.strip(".")
    assert not set(name) & set('/\\\0<>:"|?*')
    assert name.isprintable() or not any(ord(c) < 0x20 for c in name)
    assert name[-1] not in ". "
    assert len(name.encode("utf-8")) <= 255
    assert not is_reserved(name)
    assert clean_filename(name) == name


@pytest.mark.parametrize(
    ("filename", "kind", "value"),
    [
        ("a.txt", "attachment", 'attachment; filename="a.txt"'),
        ("two words.txt", "inline", 'inline; filename="two words.txt"'),
        (None, "inline", "inline"),
        ("naïve.txt", "attachment", "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ('a"b.txt', "attachment", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("100%.txt", "attachment", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("../../x.sh", "attachment", 'attachment; filename="x.sh"'),
        ("a\r\nX: y", "attachment", 'attachment; filename="a__X: y"'),
        ("", "attachment", 'attachment; filename="download"'),
    ],
)
def test_content_disposition(filename: str | None, kind: str, value: str) -> None:
    assert content_disposition(filename, kind) == value


@given(st.text(max_size=80))
def test_nothing_in_a_name_leaves_its_quotes(filename: str) -> None:
    value = content_disposition(filename)
    assert value.isascii()
    assert value.isprintable()
    assert value.startswith('attachment; filename="')
    assert value.count('"') == 2
    assert "\\" not in value


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="inline"):
        content_disposition("a", "form-data")
