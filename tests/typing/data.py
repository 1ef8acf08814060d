"""The data room as people write it: this file is type-checked (mypy --strict and pyrefly), never run."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import assert_type

from ketch import App, Struct
from ketch.data import (
    ColumnElement,
    Database,
    ForeignKey,
    Mapped,
    Model,
    Page,
    PageQuery,
    Select,
    Session,
    Sessions,
    String,
    SyncSession,
    mapped_column,
    paginate,
    relationship,
    select,
)

app = App(extensions=[Database("sqlite:///shop.db", echo=True)])


class Supplier(Model):
    name: Mapped[str] = mapped_column(String(80), unique=True, min_length=1)


class Product(Model):
    name: Mapped[str] = mapped_column(String(80), min_length=1)
    cost: Mapped[Decimal] = mapped_column(private=True)
    made_at: Mapped[datetime | None] = mapped_column(read_only=True)
    supplier_id: Mapped[int] = mapped_column(ForeignKey("supplier.id"))
    supplier: Mapped[Supplier] = relationship()


class ProductOut(Struct):
    name: str


def shown(product: Product) -> ProductOut:
    return ProductOut(product.name)


@app.get("/products")
async def products(page: PageQuery, session: Session, maker: int | None = None) -> Page[ProductOut]:
    rows = select(Product).order_by(Product.name)
    assert_type(rows, Select[Product])
    mine: ColumnElement[bool] = Product.supplier_id == maker
    found = await paginate(session, rows if maker is None else rows.where(mine), page)
    assert_type(found, Page[Product])
    assert_type(page.limit, int)
    return found.map(shown)


@app.get("/products/{key}")
async def product(key: int, session: Session) -> ProductOut:
    row = await session.get_one(Product, key)
    assert_type(row, Product)
    assert_type(row.cost, Decimal)
    assert_type(row.supplier.name, str)
    return shown(row)


@app.get("/sync/{key}")
def in_a_thread(key: int, session: SyncSession) -> ProductOut:
    return shown(session.get_one(Product, key))


async def later(sessions: Sessions) -> None:
    async with sessions(read_only=True) as session:
        assert_type(session, Session)
    with sessions.sync() as blocking:
        assert_type(blocking, SyncSession)
