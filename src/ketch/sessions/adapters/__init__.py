"""The third parties behind sessions."""
