"""The places where one part is replaced by another: small Protocols, one a file."""
