"""The peers side by side, one command: `./dev bench`."""
