"""Names people bring from other frameworks, and what Ketch calls them. Hints, not aliases: they fail and teach."""

from __future__ import annotations

from collections.abc import Iterable

from ketch.kernel.suggest import did_you_mean

TABLE: dict[str, str] = {
    "FastAPI": "ketch calls it App:  from ketch import App",
    "Flask": "ketch calls it App:  from ketch import App",
    "Starlette": "ketch calls it App:  from ketch import App",
    "Litestar": "ketch calls it App:  from ketch import App",
    "Ketch": "ketch calls it App:  from ketch import App",
    "API": "ketch calls it App:  from ketch import App",
    "APIRouter": "ketch calls it Router:  from ketch import Router",
    "Blueprint": "ketch calls it Router:  from ketch import Router, then app.include_router(router)",
    "render_template": 'return Template("page.html", name=value):  from ketch import Template',
    "render": 'return Template("page.html", name=value):  from ketch import Template',
    "jsonify": "return the dict, list or Struct itself; the annotation says what leaves",
    "make_response": "return a Response, or ask for `response: Response` and set headers on it",
    "abort": 'raise NotFound("...") or HTTPException(404, ...):  from ketch import HTTPException',
    "get_object_or_404": "await session.get_one(Model, id): finding nothing is a 404",
    "login_required": "dependencies=[guard], where your guard raises:  from ketch import Unauthorized",
    "BaseModel": "use Struct, or pydantic's own BaseModel:  from ketch import Struct",
    "StaticFiles": 'app.static("/static", "static")',
    "Jinja2Templates": 'return Template("page.html", name=value):  from ketch import Template',
    "TemplateResponse": 'return Template("page.html", name=value):  from ketch import Template',
    "redirect": "return RedirectResponse(url, 303):  from ketch import RedirectResponse",
    "url_for": "request.url_for(handler, id=7), or url_for(...) in a template",
    "request": "ask for it in the handler:  async def show(request: Request)",
    "session": "request.session, with the extension Sessions():  from ketch.sessions import Sessions",
    "get_flashed_messages": "{% for message in messages %} in a template",
    "messages": 'flash(request, "Saved"):  from ketch import flash',
    "SessionMiddleware": "App(extensions=[Sessions()]):  from ketch.sessions import Sessions",
    "Sessions": "from ketch.sessions import Sessions",
    "csrf_exempt": "bearer tokens and API keys are exempt; Sessions(trusted_origins=[...]) names others",
    "g": "request.state",
    "current_app": "request.app",
    "Schema": "use Struct:  from ketch import Struct",
    "ModelSerializer": "a Struct for what comes in and one for what goes out:  from ketch import Struct",
    "serializers": "use Struct:  from ketch import Struct",
    "APIView": "@app.resource(path) over a class:  from ketch import App",
    "View": "@app.resource(path) over a class:  from ketch import App",
    "MethodView": "@app.resource(path) over a class:  from ketch import App",
    "path": '@app.get("/path") beside the handler; routes are declared where they are handled',
    "include": "app.include_router(router)",
    "HttpResponse": "from ketch import Response",
    "HttpResponseRedirect": "from ketch import RedirectResponse",
    "JsonResponse": "from ketch import JSONResponse",
    "Http404": "from ketch import NotFound",
    "HTTPError": "from ketch import HTTPException",
    "HTTPNotFound": "from ketch import NotFound",
    "RequestValidationError": "ketch calls it ValidationProblem:  from ketch import ValidationProblem",
    "ORJSONResponse": "JSON is encoded by msgspec already:  from ketch import JSONResponse",
    "UJSONResponse": "JSON is encoded by msgspec already:  from ketch import JSONResponse",
    "TestClient": "from ketch.testing import TestClient",
    "CORSMiddleware": "from ketch.middleware import CORSMiddleware",
    "GZipMiddleware": "ketch calls it CompressionMiddleware:  from ketch.middleware import CompressionMiddleware",
    "Middleware": "app.add_middleware(Class, option=...), or middleware=[...]",
    "BaseHTTPMiddleware": "a middleware is `async def m(request, call_next)`:  app.add_middleware(m)",
    "Database": "from ketch.data import Database",
    "Model": "from ketch.data import Model",
    "SQLAlchemy": "from ketch.data import Database, Model",
    "Admin": 'there is no admin yet; Django\'s can be mounted:  app.mount("/admin", ...)',
    "Auth": "there are no accounts yet; credentials are read by guards:  from ketch.auth import HTTPBearer",
    "OAuth2PasswordBearer": "from ketch.auth import OAuth2PasswordBearer",
    "HTTPBearer": "from ketch.auth import HTTPBearer",
    "StreamingHTTPResponse": "from ketch import StreamingResponse",
    "Settings": "write a Struct and pass it:  App(settings=MySettings)",
    "Resource": "@app.resource(path) over a class:  from ketch import App",
    "Inject": "Depends(f), or just the type after app.provide(T, ...)",
    "Provide": "app.provide(T, make_it)",
}


def unknown_name(name: str, known: Iterable[str]) -> Exception:
    """The error for `ketch.<name>`: a TaughtName where the table knows it, else an AttributeError."""
    taught = TABLE.get(name)
    if taught is not None and not name.startswith("__"):
        return TaughtName(f"ketch has no {name}: {taught}")
    guess = None if name.startswith("_") else did_you_mean(name, known)
    hint = f". Did you mean {guess}?" if guess else ""
    return AttributeError(f"module 'ketch' has no attribute {name!r}{hint}")


class TaughtName(ImportError):
    """`from ketch import X` replaces an AttributeError's text by its own; an ImportError keeps ours."""
