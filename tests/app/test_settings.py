"""Settings: which source counts, how text is read, and that every mistake is told at once."""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr
from pydantic import Field as PydanticField
from pydantic_settings import BaseSettings

from ketch import App, Field, SetupError, Struct
from ketch.app.environment import FLAGS, Environment, dotenv_file, here, put_dotenv, read_dotenv
from ketch.app.settings import load_settings
from ketch.testing import TestClient
from tests.errors.snapshot import check


class Mode(enum.Enum):
    FAST = "fast"
    SAFE = "safe"


class Smtp(Struct):
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 25


class Mail(BaseModel):
    host: str
    port: int = 25


class Settings(Struct, kw_only=True):
    name: str
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    debug: bool = False
    mode: Mode = Mode.SAFE
    level: Literal["low", "high"] | None = None
    rate: Decimal = Decimal(1)
    wait: timedelta = timedelta(seconds=5)
    hosts: list[str] = []
    ids: frozenset[int] = frozenset()
    pair: tuple[int, str] = (1, "a")
    limits: dict[str, int] = {}
    folder: Path = Path("var")
    smtp: Smtp | None = None


def load(kind: Any, **variables: str) -> Any:
    return load_settings(kind, Environment(variables))


def mistakes(kind: Any, **variables: str) -> SetupError:
    with pytest.raises(SetupError) as caught:
        load(kind, **variables)
    return caught.value


# --- how text is read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        ({}, "port", 8000),
        ({"PORT": "9000"}, "port", 9000),
        ({"PORT": " 9000 "}, "port", 9000),
        ({"PORT": ""}, "port", 8000),
        ({"DEBUG": "on"}, "debug", True),
        ({"DEBUG": "No"}, "debug", False),
        ({"MODE": "fast"}, "mode", Mode.FAST),
        ({"LEVEL": "high"}, "level", "high"),
        ({"RATE": "0.10"}, "rate", Decimal("0.10")),
        ({"WAIT": "PT1M"}, "wait", timedelta(minutes=1)),
        ({"HOSTS": "a, b ,c"}, "hosts", ["a", "b", "c"]),
        ({"HOSTS": '["a,b", "c"]'}, "hosts", ["a,b", "c"]),
        ({"HOSTS": "one"}, "hosts", ["one"]),
        ({"IDS": "1,2,2"}, "ids", frozenset({1, 2})),
        ({"IDS": "[3]"}, "ids", frozenset({3})),
        ({"PAIR": "7,b"}, "pair", (7, "b")),
        ({"LIMITS": '{"a": 1}'}, "limits", {"a": 1}),
        ({"FOLDER": "/srv/x"}, "folder", Path("/srv/x")),
        ({"FOLDER": "~/x"}, "folder", Path.home() / "x"),
        ({"SMTP__HOST": "mail"}, "smtp", Smtp("mail")),
        ({"SMTP__HOST": "mail", "SMTP__PORT": "26"}, "smtp", Smtp("mail", 26)),
        ({"SMTP": '{"host": "mail"}'}, "smtp", Smtp("mail")),
        ({"NAME": ""}, "name", ""),
    ],
)
def test_values(variables: dict[str, str], name: str, value: Any) -> None:
    assert getattr(load(Settings, **{"NAME": "x", **variables}), name) == value


def test_the_families() -> None:
    @dataclasses.dataclass
    class Plain:
        port: int
        hosts: list[str] = dataclasses.field(default_factory=lambda: ["x"])

    @attrs.define
    class Attrs:
        port: int
        smtp: Smtp = attrs.Factory(lambda: Smtp("local"))

    class Model(BaseModel):
        port: int
        key: SecretStr
        smtp: Mail
        hosts: list[str] = []

    assert load(Plain, PORT="1") == Plain(1, ["x"])
    assert load(Attrs, PORT="1", SMTP__HOST="h") == Attrs(1, Smtp("h"))
    model = load(Model, PORT="1", KEY="k", SMTP__HOST="h", HOSTS="a,b")
    assert (model.port, model.key.get_secret_value(), model.smtp, model.hosts) == (1, "k", Mail(host="h"), ["a", "b"])


def test_pydantic_settings_read_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(BaseSettings, env_prefix="SHOP_"):
        port: int

    monkeypatch.setenv("SHOP_PORT", "7")
    assert load_settings(Own).port == 7
    monkeypatch.setenv("SHOP_PORT", "x")
    with pytest.raises(SetupError) as caught:
        load_settings(Own)
    assert caught.value.code == "KETCH-SET-001"
    assert "port" in str(caught.value)


def test_an_alias_in_capitals_is_the_variable() -> None:
    class Named(Struct):
        database: Annotated[str, Field(alias="DATABASE_URL")] = ""

    class Renamed(Struct, rename="camel"):
        smtp_port: int = 0

    assert load(Named, DATABASE_URL="x").database == "x"
    assert load(Renamed, SMTP_PORT="7").smtp_port == 7


class Odd(Struct, kw_only=True):
    folders: list[Path] = []
    anything: Any = None
    text: str | int | None = None
    pairs: tuple[Path, ...] = ()
    fraction: Fraction = Fraction(1)
    choice: Smtp | list[int] | None = None
    by_name: dict[str, Path] = {}
    nested: list[list[Path]] = []
    call: Callable[[], None] | None = None


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        ({"FOLDERS": "/a, /b"}, "folders", [Path("/a"), Path("/b")]),
        ({"FOLDERS": '["/a,b"]'}, "folders", [Path("/a,b")]),
        ({"PAIRS": "/a"}, "pairs", (Path("/a"),)),
        ({"ANYTHING": "as it is"}, "anything", "as it is"),
        ({"ANYTHING": ""}, "anything", ""),
        ({"TEXT": "x"}, "text", "x"),
        ({"FRACTION": "1/3"}, "fraction", Fraction(1, 3)),
        ({"CHOICE": "[1]"}, "choice", [1]),
        ({"CHOICE": '{"host": "x"}'}, "choice", Smtp("x")),
        ({"BY_NAME": '{"a": "/a", "b": "~/b"}'}, "by_name", {"a": Path("/a"), "b": Path.home() / "b"}),
        ({"NESTED": '[["/a"], []]'}, "nested", [[Path("/a")], []]),
    ],
)
def test_odd_types(variables: dict[str, str], name: str, value: Any) -> None:
    assert getattr(load(Odd, **variables), name) == value


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"FRACTION": "a third"}, "is refused by Fraction"),
        ({"FOLDERS": "[1]"}, "should be text"),
        ({"FOLDERS": "[1"}, "should be JSON"),
        ({"CHOICE": "[x]"}, "should be JSON"),
        ({"BY_NAME": '{"a": 1}'}, "[a] cannot be read from text"),
        ({"CALL": "print"}, "cannot be read from text"),
    ],
)
def test_odd_mistakes(variables: dict[str, str], says: str) -> None:
    assert says in str(mistakes(Odd, **variables))


def test_pydantic_and_containers(tmp_path: Path) -> None:
    class Model(BaseModel):
        smtp: Mail | None = None
        names: list[str] | None = None
        limits: dict[str, int] = {}
        key: str = ""

    loaded = load(Model, SMTP='{"host": "x"}', NAMES='["a,b"]', LIMITS='{"a": 1}')
    assert (loaded.smtp, loaded.names, loaded.limits) == (Mail(host="x"), ["a,b"], {"a": 1})
    assert "LIMITS" in str(mistakes(Model, LIMITS="{"))
    assert mistakes(Model, KEY_FILE=str(tmp_path / "nowhere")).code == "KETCH-SET-001"


# --- precedence -------------------------------------------------------------------------------------------------------


def test_flag_environment_secret_file_dotenv_code(tmp_path: Path) -> None:
    class Five(Struct):
        flag: str = "code"
        environment: str = "code"
        secret: str = "code"
        dotenv: str = "code"
        code: str = "code"

    names = ["FLAG", "ENVIRONMENT", "SECRET", "DOTENV"]
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in names[:3]:
        (secrets / name).write_text("secret file\n")
    (tmp_path / ".env").write_text("".join(f"{name}=dotenv\n" for name in names))
    variables = {"FLAG": "flag", FLAGS: "FLAG", "ENVIRONMENT": "environment"}
    environment = Environment(variables, read_dotenv(tmp_path / ".env"), secrets)
    loaded = load_settings(Five, environment)
    assert [loaded.flag, loaded.environment, loaded.secret, loaded.dotenv, loaded.code] == [
        "flag",
        "environment",
        "secret file",
        "dotenv",
        "code",
    ]
    flag, other = environment.text("FLAG"), environment.text("ENVIRONMENT")
    assert flag is not None and other is not None
    assert (flag.place.label, other.place.label) == ("flag", "environment")


def test_a_secret_file_is_named_by_a_variable(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    assert load(Settings, NAME_FILE=str(tmp_path / "key")).name == "s3cret"
    assert load(Settings, NAME_FILE=str(tmp_path / "key"), NAME="own").name == "own"


def test_dotenv_is_read_in_dev_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("NAME=from dotenv\n")
    assert load_settings(Settings, here("dev")).name == "from dotenv"
    for mode in ("test", "production"):
        with pytest.raises(SetupError):
            load_settings(Settings, here(mode))


def test_dotenv_in_the_environment_keeps_its_rank_and_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("\nSHOP_A=dotenv\nSHOP_B=dotenv\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "SHOP_B").write_text("secret")
    environment = Environment(os.environ, read_dotenv(tmp_path / ".env"), secrets)
    monkeypatch.setenv("SHOP_C", "own")
    put_dotenv(environment)
    try:
        assert os.environ["SHOP_A"] == "dotenv"
        assert "SHOP_B" not in os.environ
        found = environment.text("SHOP_A")
        assert found is not None
        assert found.place.origin.line == 2
    finally:
        os.environ.pop("SHOP_A", None)


def test_dotenv_is_looked_for_up_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "shop" / "deep").mkdir(parents=True)
    (tmp_path / ".env").write_text("A=1")
    assert dotenv_file(tmp_path / "shop" / "deep") == (tmp_path / ".env").resolve()
    (tmp_path / "shop" / "pyproject.toml").write_text("")
    assert dotenv_file(tmp_path / "shop" / "deep") is None


# --- the grammar of .env ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("export A=1", {"A": "1"}),
        ("  A  =  1  ", {"A": "1"}),
        ("# note\n\n  # more\nA=1 # note", {"A": "1"}),
        ("A=#1", {"A": ""}),
        ("A=a#b", {"A": "a#b"}),
        ("A=", {"A": ""}),
        ("A=b=c", {"A": "b=c"}),
        ("A='a # $B \\n'", {"A": "a # $B \\n"}),
        ('A="a\\n\\t\\"\\\\ #"  # note', {"A": 'a\n\t"\\ #'}),
        ('A="one\ntwo"\nB=3', {"A": "one\ntwo", "B": "3"}),
        ('A="\\x"', {"A": "\\x"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=$HOME", {"A": "$HOME"}),
        ("db.host=x", {"db.host": "x"}),
    ],
)
def test_dotenv(tmp_path: Path, text: str, values: dict[str, str]) -> None:
    (tmp_path / ".env").write_bytes(text.encode())
    assert {name: found.value for name, found in read_dotenv(tmp_path / ".env").items()} == values


@pytest.mark.parametrize(
    ("text", "line"), [("A", 1), ("A=1\nB c\n", 2), ('A=1\nB="open\nC=3\n', 2), ("A='x' y", 1), ("=1", 1), ("1A=2", 1)]
)
def test_a_malformed_line_is_named(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / ".env").write_text(text)
    with pytest.raises(SetupError) as caught:
        read_dotenv(tmp_path / ".env")
    assert caught.value.code == "KETCH-SET-001"
    assert caught.value.faults[0].places[0].origin.line == line


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(SetupError, match="cannot be read"):
        read_dotenv(tmp_path / ".env")
    assert mistakes(Settings, NAME_FILE=str(tmp_path)).code == "KETCH-SET-001"


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "name").write_bytes(b"a" * 2_000_000)
    error = mistakes(Settings, NAME_FILE=str(tmp_path / "name"))
    assert error.code == "KETCH-SET-001" and "it has more than" in str(error)


LINES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=200)


@given(LINES)
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("env") / ".env"
    file.write_bytes(text.encode())
    try:
        read_dotenv(file)
    except SetupError as error:
        assert error.code == "KETCH-SET-001"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=60))
def test_a_quoted_value_comes_back(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    file = tmp_path_factory.mktemp("env") / ".env"
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    file.write_bytes(f'A="{quoted}"\nB=2'.encode())
    assert {name: text.value for name, text in read_dotenv(file).items()} == {"A": value, "B": "2"}


# --- what is wrong ----------------------------------------------------------------------------------------------------


def located(error: SetupError) -> str:
    """The text with this file's own name and lines taken out."""
    import re

    return re.sub(r"\S*test_settings\.py:\d+", "shop/settings.py:7", str(error))


def test_everything_is_told_at_once() -> None:
    error = mistakes(
        Settings, PORT="abc", DEBUG="maybe", MODE="slow", IDS="1,x", LIMITS="{", HOSTS='["a", 1]', SMTP__PORT="99999"
    )
    assert {fault.code for fault in error.faults} == {"KETCH-SET-001"}
    check("settings-everything", located(error))


def test_a_near_miss_is_pointed_out() -> None:
    class Strict(Struct):
        database_url: str
        secret_key: Annotated[str, Field(min_length=16)]

    check("settings-near-miss", located(mistakes(Strict, DATABSE_URL="x", SECRET_KEY="too short")))


def test_a_secret_is_never_shown() -> None:
    class Secrets(Struct):
        api_token: int

    error = mistakes(Secrets, API_TOKEN="hunter2")
    assert "hunter2" not in str(error)
    assert "API_TOKEN" in str(error)


def test_pydantics_words_and_our_places() -> None:
    class Model(BaseModel):
        port: Annotated[int, PydanticField(ge=1)]
        smtp: Mail
        name: str

    check("settings-pydantic", located(mistakes(Model, PORT="0", SMTP__HOST="x", SMTP__PORT="y")))


def test_what_a_class_itself_refuses() -> None:
    class Range(Struct):
        low: int = 0
        high: int = 10

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")

    assert "low is above high" in str(mistakes(Range, LOW="11"))


def test_no_class_for_settings() -> None:
    with pytest.raises(SetupError) as caught:
        load(int)
    assert caught.value.code == "KETCH-SET-002"


# --- in an application ------------------------------------------------------------------------------------------------


def application(settings: Any) -> App:
    app = App(settings=settings, openapi_url=None, docs_url=None)

    @app.get("/")
    async def show(settings: Settings) -> list[Any]:
        return [settings.name, settings.port]

    return app


def test_settings_are_injected_by_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "Harbour")
    monkeypatch.setenv("PORT", "7")
    with TestClient(application(Settings)) as client:
        assert client.get("/").json() == ["Harbour", 7]


def test_an_instance_is_taken_as_it_is() -> None:
    with TestClient(application(Settings(name="own", port=1))) as client:
        assert client.get("/").json() == ["own", 1]


def test_a_test_overrides_settings_that_the_environment_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAME", raising=False)
    app = application(Settings)
    with app.override({Settings: Settings(name="test", port=2)}), TestClient(app) as client:
        assert client.get("/").json() == ["test", 2]


def test_a_wrong_environment_is_told_with_the_other_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAME", raising=False)
    app = application(Settings)

    @app.get("/{unused}")
    async def other(settings: Settings) -> None: ...

    with pytest.raises(SetupError) as caught:
        _ = app.runtime
    assert sorted(fault.code for fault in caught.value.faults) == ["KETCH-BIND-002", "KETCH-SET-001"]
