"""The whole of Holdfast on one machine: services, web, workers, beat and Flower under one supervisor."""

from config.stack.begin import start_services
from config.stack.ready import StackError
from config.stack.stack import Stack, running_stack

__all__ = ["Stack", "StackError", "running_stack", "start_services"]
