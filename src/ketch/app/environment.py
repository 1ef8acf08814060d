"""Where a setting's text comes from: the command line, the environment, a secret file, `.env`.

A `.env` file is read in dev only. Its grammar: `NAME=value`, `export NAME=value`, `# comment`. A bare value ends before
` #`; '...' is taken literally; "..." may go over several lines and knows \\n \\t \\r \\" \\\\ and nothing else.
Nothing is expanded: what is written is what counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin

FLAGS = "KETCH_FLAGS"
"""Names of variables that were set by a flag of the command (`--set NAME=value`), separated by commas."""

SECRETS = Path("/run/secrets")
"""Where container engines put secret files."""

_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*")
_QUOTED = re.compile(
    r"""(?:'(?P<single>[^'\n]*)'|"(?P<double>(?:[^"\\]|\\.)*)")[ \t]*(?:\#[^\n]*)?(?=\n|\Z)""", re.DOTALL
)
_BARE = re.compile(r"[^\n]*")
_BLANK = re.compile(r"[ \t]*(?:\#[^\n]*)?(?:\n|\Z)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_LARGEST = 1_048_576  # bytes of a .env or secret file: more is a mistake


@dataclass(frozen=True, slots=True)
class Text:
    """What a variable says, and where."""

    value: str
    place: Place


@dataclass(slots=True)
class Environment:
    """The sources in order of precedence. `dotenv` holds what `.env` says, or is empty outside dev."""

    variables: Mapping[str, str]
    dotenv: Mapping[str, Text] = field(default_factory=dict)
    secrets: Path = SECRETS

    def text(self, name: str) -> Text | None:
        """What `name` is set to. Raises SetupError (KETCH-SET-001) for a secret file that cannot be read."""
        own = self.variables.get(name)
        written = self.dotenv.get(name)
        copied = written is not None and written.value == own  # `ketch dev` puts .env into the environment as well
        if own is not None and not copied:
            flagged = name in self.variables.get(FLAGS, "").split(",")
            place = Place("flag", Origin(f"--set {name}", 0)) if flagged else Place("environment", Origin(name, 0))
            return Text(own, place)
        return self._secret(name) or written

    def _secret(self, name: str) -> Text | None:
        pointer = f"{name}_FILE"
        named = self.variables.get(pointer) or (self.dotenv[pointer].value if pointer in self.dotenv else None)
        if named:
            return _secret_text(Path(named), pointer)
        for file in (self.secrets / name, self.secrets / name.lower()):
            if file.is_file():
                return _secret_text(file, name)
        return None

    def names(self) -> list[str]:
        """Every variable there is, for Did you mean."""
        return list({**self.variables, **self.dotenv})

    def below(self, prefix: str) -> list[str]:
        """The variables whose names begin with `prefix`."""
        return [name for name in self.names() if name.startswith(prefix) and len(name) > len(prefix)]


def here(mode: str) -> Environment:
    """The environment of this process. Raises SetupError (KETCH-SET-001) for a malformed `.env`."""
    return Environment(os.environ, read_dotenv(dotenv_file()) if mode == "dev" else {})


def dotenv_file(folder: Path | None = None) -> Path | None:
    """The `.env` of this folder, or of the nearest one above it up to the project's (the one with pyproject.toml)."""
    start = (folder or Path.cwd()).resolve()
    for place in (start, *start.parents):
        if (place / ".env").is_file():
            return place / ".env"
        if (place / "pyproject.toml").is_file():
            return None
    return None


def read_dotenv(file: Path | None) -> dict[str, Text]:
    """What a `.env` file says; a name written twice means its last line."""
    if file is None:
        return {}
    text = _content(file, ".env").replace("\r\n", "\n").removeprefix("\ufeff")
    return {name: Text(value, Place("file", Origin(str(file), line))) for name, value, line in _assignments(text, file)}


def _assignments(text: str, file: Path) -> Iterator[tuple[str, str, int]]:
    at, line = 0, 1
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
            line += 1
            continue
        head = _LINE.match(text, at)
        if head is None:
            raise _malformed(file, line, "This line is not NAME=value.")
        value, end = _value(text, head.end(), file, line)
        yield head["name"], value, line
        line += text.count("\n", at, end) + 1
        at = end + 1


def _value(text: str, at: int, file: Path, line: int) -> tuple[str, int]:
    if text[at : at + 1] in ("'", '"'):
        quoted = _QUOTED.match(text, at)
        if quoted is None:
            raise _malformed(file, line, "The quotation mark is not closed, or something follows it.")
        if quoted["single"] is not None:
            return quoted["single"], quoted.end()
        return re.sub(r"\\(.)", _unescaped, quoted["double"], flags=re.DOTALL), quoted.end()
    bare = _BARE.match(text, at)
    assert bare is not None  # it matches the empty text
    return re.split(r"(?:^|[ \t])#", bare[0], maxsplit=1)[0].strip(), bare.end()


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])


def _malformed(file: Path, line: int, what: str) -> SetupError:
    place = Place("here", Origin(str(file), line))
    return SetupError("KETCH-SET-001", what, places=[place], fix="Write:  NAME=value   or   NAME='a b'")


def _secret_text(file: Path, variable: str) -> Text:
    return Text(_content(file, variable).removesuffix("\n").removesuffix("\r"), Place("file", Origin(str(file), 0)))


def _content(file: Path, name: str) -> str:
    """A small text file. Raises SetupError (KETCH-SET-001) if it cannot be read."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST:,} bytes")
        return content.decode("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SetupError(
            "KETCH-SET-001",
            f"{name}: the file cannot be read: {reason}.",
            places=[Place("file", Origin(str(file), 0))],
        ) from None


def put_dotenv(environment: Environment) -> None:
    """Put what `.env` says into this process's environment, so that everybody sees it (DATABASE_URL, SECRET_KEY).

    What the environment or a secret file says stands.
    """
    for name, text in environment.dotenv.items():
        if name not in os.environ and environment.text(name) is text:
            os.environ[name] = text.value
