"""The one sink that this installation archives to, as its settings say."""

from django.conf import settings

from persistence.archive.sinks import Sink, SinkConfig, open_sink


def sink_config() -> SinkConfig:
    """Return what the settings say about the archive."""
    return SinkConfig(
        url=settings.ARCHIVE_URL,
        endpoint=settings.ARCHIVE_S3_ENDPOINT,
        region=settings.ARCHIVE_S3_REGION,
        access_key=settings.ARCHIVE_S3_ACCESS_KEY_ID,
        secret_key=settings.ARCHIVE_S3_SECRET_ACCESS_KEY,
        deadline_seconds=settings.ARCHIVE_CALL_DEADLINE_SECONDS,
        concurrency=settings.ARCHIVE_CONCURRENCY,
    )


def configured_sink() -> Sink:
    """Open the archive. The caller closes it."""
    return open_sink(sink_config())
