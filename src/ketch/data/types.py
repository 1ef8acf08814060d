"""Column types that mean the same on every engine: moments with a time zone, and exact decimals."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Numeric
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes, in UTC inside. Engines without time zones store UTC; what comes back is always aware."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        if dialect.name in ("mysql", "mariadb"):  # whose DATETIME has whole seconds unless told otherwise
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without time zone: say which one, for example datetime.now(UTC)")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ExactDecimal(TypeDecorator[Decimal]):
    """Decimals that come back as they went in, or are refused: never silently rounded.

    `ExactDecimal(12, 2)` has 12 digits, 2 of them after the point, and gives "3.50" back as "3.50". Without a scale
    SQLite and MySQL do not keep zeros at the end. SQLite keeps 15 digits, MySQL 38 with 12 of them after the point,
    PostgreSQL as many as one asks for; nothing keeps 1E+300. More, like NaN and infinities, is an OverflowError, which
    clients see as 422.
    """

    impl = Numeric
    cache_ok = True
    sqlite_digits = 15  # what a float keeps of any decimal
    mysql_digits = (38, 12)
    largest_exponent = 300  # beyond it a float is infinite, and a driver would write out every zero

    def __init__(self, precision: int | None = None, scale: int | None = None) -> None:
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    @property
    def python_type(self) -> type[Decimal]:
        return Decimal

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Numeric(self.precision, self.scale, asdecimal=False))
        if dialect.name in ("mysql", "mariadb"):
            digits, scale = self.mysql_digits
            return dialect.type_descriptor(
                Numeric(self.precision or digits, scale if self.scale is None else self.scale)
            )
        return dialect.type_descriptor(Numeric(self.precision, self.scale))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        value = Decimal(value)
        if not value.is_finite() or abs(value.adjusted()) >= self.largest_exponent:
            raise OverflowError(f"{value} is no number that can be stored")
        _, digits, exponent = value.as_tuple()
        places = max(-int(exponent), 0)
        most = self.scale if self.scale is not None else self.mysql_digits[1] if dialect.name in _MYSQL else None
        if most is not None and places > most and value != round(value, most):
            raise OverflowError(f"a decimal with more than {most} digits after the point")
        if dialect.name == "sqlite" and len("".join(map(str, digits)).strip("0")) > self.sqlite_digits:
            raise OverflowError(f"a decimal with more than {self.sqlite_digits} digits, which SQLite cannot keep")
        return value

    def process_result_value(self, value: Decimal | float | None, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        exact = value if isinstance(value, Decimal) else Decimal(str(value))
        if self.scale is not None:
            return exact.quantize(Decimal(1).scaleb(-self.scale))
        if dialect.name == "postgresql":
            return exact
        exact = exact.normalize()
        return exact if int(exact.as_tuple().exponent) <= 0 else exact.quantize(Decimal(1))


_MYSQL = ("mysql", "mariadb")
