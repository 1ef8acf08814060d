"""From a request to a handler's arguments, and from its result to a response.

`signature` reads a handler, `plan` is what it says as data, `printer` turns the plan into one Python function (the
speed) and `interpreter` carries the plan out step by step and collects every problem (the meaning).
"""
