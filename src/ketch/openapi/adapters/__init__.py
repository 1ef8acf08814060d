"""The libraries that describe their own types."""
