"""The third parties behind templates."""
