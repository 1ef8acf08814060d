"""The path of a request, in walking order: asgi, middleware, dispatch, run, failures; lifespan around it all."""
