"""What the commands need of others: a server, a watcher of files, tables for a terminal. One file each."""
