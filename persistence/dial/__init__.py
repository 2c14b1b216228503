"""Connections that end at a given moment, for clients whose own time-outs begin anew with every byte."""
