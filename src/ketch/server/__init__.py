"""The native server: HTTP/1.1 and WebSocket on asyncio, one process or several. docs/server.md says how to use it."""
