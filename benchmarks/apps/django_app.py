"""Django's own views with pydantic, for Django has no validation of JSON: what many of its users take."""

from __future__ import annotations

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from pydantic import BaseModel, Field, ValidationError

settings.configure(
    DEBUG=False,
    SECRET_KEY="a benchmark keeps no secrets",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)


class Address(BaseModel):
    street: str
    city: str
    zip: str


class Customer(BaseModel):
    name: str
    email: str
    address: Address


class Line(BaseModel):
    sku: str
    qty: int = Field(ge=1)
    price: float


class NewOrder(BaseModel):
    customer: Customer
    items: list[Line]
    note: str | None = None


class ItemQuery(BaseModel):
    q: str
    limit: int = Field(ge=1, le=1000)


class Product(BaseModel):
    id: int
    name: str
    category: str
    price: float
    stock: int
    active: bool


PRODUCTS = [
    Product(
        id=n,
        name=f"Product {n}",
        category=f"category-{n % 7}",
        price=n * 1.25,
        stock=n * 3 % 50,
        active=n % 2 == 0,
    )
    for n in range(100)
]


def refused(exc: ValidationError) -> JsonResponse:
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return JsonResponse({"errors": errors}, status=422)


@require_GET
def plaintext(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello, World!", content_type="text/plain")


@require_GET
def message(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"message": "Hello, World!"})


@require_GET
def item(request: HttpRequest, item_id: int) -> HttpResponse:
    try:
        query = ItemQuery.model_validate(request.GET.dict())
    except ValidationError as exc:
        return refused(exc)
    return JsonResponse(
        {
            "item_id": item_id,
            "q": query.q,
            "limit": query.limit,
            "name": f"Item {item_id}",
            "price": item_id + 0.5,
            "in_stock": True,
            "tags": ["a", "b", "c"],
        }
    )


@csrf_exempt
@require_POST
def place(request: HttpRequest) -> HttpResponse:
    try:
        order = NewOrder.model_validate_json(request.body)
    except ValidationError as exc:
        return refused(exc)
    return JsonResponse(order.model_dump() | {"total": sum(line.qty * line.price for line in order.items)})


@require_GET
def products(request: HttpRequest) -> HttpResponse:
    return JsonResponse([product.model_dump() for product in PRODUCTS], safe=False)


urlpatterns = [
    path("plaintext", plaintext),
    path("json", message),
    path("items/<int:item_id>", item),
    path("orders", place),
    path("list", products),
]

import django  # noqa: E402

django.setup(set_prefix=False)
app = WSGIHandler()
