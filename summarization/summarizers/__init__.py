"""Summarisers, one file each, behind one port (``port.py``); ``registry.py`` has one line for each."""
