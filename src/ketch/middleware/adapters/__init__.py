"""Where third parties' libraries are imported, when an option asks for them."""
