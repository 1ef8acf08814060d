"""Dependencies: who provides what, in which order, and when it is cleaned up. Knows nothing of HTTP or of routes."""
