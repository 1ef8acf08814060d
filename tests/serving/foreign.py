"""The same small application in other frameworks, for mounting. Each has, below wherever it hangs:

/                 says who it is, and the URL as it sees it
/echo     POST    the body's size, and how its content type was understood
/upload   POST    name and size of the uploaded `file`
/stream           1,000 lines, made as they go out
/missing          its own 404
/boom             an error nobody handles
"""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

LIFE: list[str] = []
"""What the lifespans have done."""


def lines() -> Iterator[bytes]:
    for n in range(1_000):
        yield b"%04d\n" % n


def flask_app() -> Any:
    from flask import Flask, Response, request, url_for

    app = Flask("foreign")

    @app.get("/")
    def home() -> Any:
        return {"who": "flask", "url": request.url, "echo": url_for("echo")}

    @app.post("/echo")
    def echo() -> Any:
        return {"size": len(request.get_data()), "type": request.content_type}

    @app.post("/upload")
    def upload() -> Any:
        file = request.files["file"]
        return {"name": file.filename, "size": len(file.read())}

    @app.get("/stream")
    def stream() -> Any:
        return Response(lines(), mimetype="text/plain")

    @app.get("/boom")
    def boom() -> Any:
        raise ValueError("boom in flask")

    return app


def django_urls() -> None:
    """Settings and URLs of a Django project in one module, this one."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            SECRET_KEY="x" * 50,
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=__name__,
            DATA_UPLOAD_MAX_MEMORY_SIZE=10_000_000,
            MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        )
        import django

        django.setup()
    from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
    from django.urls import path, reverse

    def home(request: HttpRequest) -> Any:
        return JsonResponse({"who": "django", "url": request.build_absolute_uri(), "echo": reverse("echo")})

    def echo(request: HttpRequest) -> Any:
        return JsonResponse({"size": len(request.body), "type": request.content_type})

    def upload(request: HttpRequest) -> Any:
        file: Any = request.FILES["file"]
        return JsonResponse({"name": file.name, "size": file.size})

    def stream(request: HttpRequest) -> Any:
        return StreamingHttpResponse(lines(), content_type="text/plain")

    def boom(request: HttpRequest) -> Any:
        raise ValueError("boom in django")

    module = sys.modules[__name__]
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("", home),
        path("echo", echo, name="echo"),
        path("upload", upload),
        path("stream", stream),
        path("boom", boom),
    ]


def django_wsgi() -> Any:
    django_urls()
    from django.core.handlers.wsgi import WSGIHandler

    return WSGIHandler()


def django_asgi() -> Any:
    django_urls()
    from django.core.handlers.asgi import ASGIHandler

    return ASGIHandler()


def falcon_wsgi() -> Any:
    import falcon

    class Home:
        def on_get(self, req: Any, resp: Any) -> None:
            resp.media = {"who": "falcon", "url": req.uri, "echo": f"{req.root_path}/echo"}

    class Echo:
        def on_post(self, req: Any, resp: Any) -> None:
            resp.media = {"size": len(req.stream.read()), "type": req.content_type}

    class Upload:
        def on_post(self, req: Any, resp: Any) -> None:
            for part in req.get_media():
                resp.media = {"name": part.filename, "size": len(part.stream.read())}

    class Stream:
        def on_get(self, req: Any, resp: Any) -> None:
            resp.content_type, resp.stream = "text/plain", lines()

    class Boom:
        def on_get(self, req: Any, resp: Any) -> None:
            raise ValueError("boom in falcon")

    app = falcon.App()
    for path, resource in (("/", Home()), ("/echo", Echo()), ("/upload", Upload()), ("/stream", Stream())):
        app.add_route(path, resource)
    app.add_route("/boom", Boom())
    return app


def falcon_asgi() -> Any:
    import falcon.asgi

    class Home:
        async def on_get(self, req: Any, resp: Any) -> None:
            resp.media = {"who": "falcon", "url": req.uri, "echo": f"{req.root_path}/echo"}

    class Echo:
        async def on_post(self, req: Any, resp: Any) -> None:
            resp.media = {"size": len(await req.stream.read()), "type": req.content_type}

    class Upload:
        async def on_post(self, req: Any, resp: Any) -> None:
            async for part in await req.get_media():
                resp.media = {"name": part.filename, "size": len(await part.stream.read())}

    class Stream:
        async def on_get(self, req: Any, resp: Any) -> None:
            async def made() -> AsyncIterator[bytes]:
                for line in lines():
                    yield line

            resp.content_type, resp.stream = "text/plain", made()

    class Boom:
        async def on_get(self, req: Any, resp: Any) -> None:
            raise ValueError("boom in falcon")

    class Life:
        async def process_startup(self, scope: Any, event: Any) -> None:
            LIFE.append("falcon started")

        async def process_shutdown(self, scope: Any, event: Any) -> None:
            LIFE.append("falcon stopped")

    class Talk:
        async def on_websocket(self, req: Any, ws: Any) -> None:
            await ws.accept()
            await ws.send_text(f"falcon {await ws.receive_text()}")

    app = falcon.asgi.App(middleware=[Life()])
    for path, resource in (("/", Home()), ("/echo", Echo()), ("/upload", Upload()), ("/stream", Stream())):
        app.add_route(path, resource)
    app.add_route("/boom", Boom())
    app.add_route("/ws", Talk())
    return app


def fastapi_app() -> Any:
    import fastapi
    from fastapi.responses import StreamingResponse

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        LIFE.append("fastapi started")
        yield {"yielded": "by the lifespan"}
        LIFE.append("fastapi stopped")

    app = fastapi.FastAPI(lifespan=lifespan)

    async def home(request: fastapi.Request) -> Any:
        echo = request.scope["root_path"] + app.url_path_for("echo")
        return {"who": "fastapi", "url": str(request.url), "echo": echo, "state": request.state.yielded}

    async def echo(request: fastapi.Request) -> Any:
        return {"size": len(await request.body()), "type": request.headers.get("content-type")}

    async def upload(request: fastapi.Request) -> Any:
        # By hand: FastAPI's own forms need python-multipart, which nothing else here does.
        name, size = "", 0
        async for piece in request.stream():
            name = "a.bin" if b'filename="a.bin"' in piece else name
            size += piece.count(b"x")
        return {"name": name, "size": size}

    async def stream() -> Any:
        return StreamingResponse(lines(), media_type="text/plain")

    async def boom() -> Any:
        raise ValueError("boom in fastapi")

    async def talk(websocket: fastapi.WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(f"fastapi {await websocket.receive_text()}")
        await websocket.close()

    # Not decorators: annotations of names that are local here could not be looked up.
    for function in (home, echo, upload):
        function.__annotations__["request"] = fastapi.Request
    talk.__annotations__["websocket"] = fastapi.WebSocket
    app.get("/")(home)
    app.post("/echo")(echo)
    app.post("/upload")(upload)
    app.get("/stream")(stream)
    app.get("/boom")(boom)
    app.websocket("/ws")(talk)
    return app


MAKERS = {
    "flask": flask_app,
    "django-wsgi": django_wsgi,
    "django-asgi": django_asgi,
    "falcon-wsgi": falcon_wsgi,
    "falcon-asgi": falcon_asgi,
    "fastapi": fastapi_app,
}
