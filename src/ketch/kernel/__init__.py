"""The bottom layer: standard library only, and it knows no HTTP.

Here live the things every other layer speaks with: mistakes found at start-up, places in source files, generated
functions that debuggers can step into, and annotations turned into small data trees.
"""
