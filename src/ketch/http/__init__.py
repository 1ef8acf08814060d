"""The values of HTTP: requests, responses, headers, problems. They know ASGI's shapes, but no server and no routes."""
