"""Adapters for help desks, all behind ``port.Connector``. Adding one: copy a file, copy its test, add a line."""
