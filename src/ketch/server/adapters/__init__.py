"""What the server needs of others: the framing of WebSockets. One file each."""
