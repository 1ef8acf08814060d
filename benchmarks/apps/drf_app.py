"""Django REST framework: serializers in and out, API views, JSON only, no accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import django
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY="a benchmark keeps no secrets",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    },
)
django.setup(set_prefix=False)

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class ItemQuery(serializers.Serializer):  # type: ignore[type-arg]
    q = serializers.CharField()
    limit = serializers.IntegerField(min_value=1, max_value=1000)


class ItemOut(serializers.Serializer):  # type: ignore[type-arg]
    item_id = serializers.IntegerField()
    q = serializers.CharField()
    limit = serializers.IntegerField()
    name = serializers.CharField()
    price = serializers.FloatField()
    in_stock = serializers.BooleanField()
    tags = serializers.ListField(child=serializers.CharField())


class Address(serializers.Serializer):  # type: ignore[type-arg]
    street = serializers.CharField()
    city = serializers.CharField()
    zip = serializers.CharField()


class Customer(serializers.Serializer):  # type: ignore[type-arg]
    name = serializers.CharField()
    email = serializers.CharField()
    address = Address()


class Line(serializers.Serializer):  # type: ignore[type-arg]
    sku = serializers.CharField()
    qty = serializers.IntegerField(min_value=1)
    price = serializers.FloatField()


class NewOrder(serializers.Serializer):  # type: ignore[type-arg]
    customer = Customer()
    items = Line(many=True)
    note = serializers.CharField(required=False, allow_null=True, default=None)


class Order(NewOrder):
    total = serializers.FloatField()


class ProductOut(serializers.Serializer):  # type: ignore[type-arg]
    id = serializers.IntegerField()
    name = serializers.CharField()
    category = serializers.CharField()
    price = serializers.FloatField()
    stock = serializers.IntegerField()
    active = serializers.BooleanField()


@dataclass
class Product:
    id: int
    name: str
    category: str
    price: float
    stock: int
    active: bool


PRODUCTS = [Product(n, f"Product {n}", f"category-{n % 7}", n * 1.25, n * 3 % 50, n % 2 == 0) for n in range(100)]


def plaintext(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello, World!", content_type="text/plain")


class MessageView(APIView):
    def get(self, request: Request) -> Response:
        return Response({"message": "Hello, World!"})


class ItemView(APIView):
    def get(self, request: Request, item_id: int) -> Response:
        query = ItemQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        values: dict[str, Any] = {
            "item_id": item_id,
            **query.validated_data,
            "name": f"Item {item_id}",
            "price": item_id + 0.5,
            "in_stock": True,
            "tags": ["a", "b", "c"],
        }
        return Response(ItemOut(values).data)


class OrderView(APIView):
    def post(self, request: Request) -> Response:
        order = NewOrder(data=request.data)
        order.is_valid(raise_exception=True)
        value = order.validated_data
        total = sum(line["qty"] * line["price"] for line in value["items"])
        return Response(Order({**value, "total": total}).data)


class ListView(APIView):
    def get(self, request: Request) -> Response:
        return Response(ProductOut(PRODUCTS, many=True).data)


urlpatterns = [
    path("plaintext", plaintext),
    path("json", MessageView.as_view()),
    path("items/<int:item_id>", ItemView.as_view()),
    path("orders", OrderView.as_view()),
    path("list", ListView.as_view()),
]

app = WSGIHandler()
