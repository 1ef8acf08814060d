"""The thousand POST routes of `thousand_ketch.py`, in FastAPI. Prints CPU seconds."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, Field


def register(app: FastAPI, number: int) -> None:
    fields = {"name": Annotated[str, Field(min_length=1)], "price": float, "tags": list[str]}
    body = type(f"Body{number}", (BaseModel,), {"__annotations__": fields, "tags": [], "__module__": __name__})

    async def handler(item_id: int, body: Any) -> Any:
        return body

    handler.__annotations__ = {"item_id": int, "body": body, "return": body}
    handler.__name__ = f"handler_{number}"
    app.post(f"/things{number}/{{item_id}}")(handler)


if __name__ == "__main__":
    begun = time.process_time()
    app = FastAPI()
    for number in range(1000):
        register(app, number)
    found = app.openapi()
    taken = time.process_time() - begun
    assert len(found["paths"]) == 1000
    print(taken)
