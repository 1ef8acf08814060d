"""Harbour: the airports of the world as a small, complete application. Start reading at app.py."""
