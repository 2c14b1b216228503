from django.apps import AppConfig


class HoldfastConfig(AppConfig):
    """The composition root as an app, so that its commands (services, up, demo) are found."""

    name = "config"
