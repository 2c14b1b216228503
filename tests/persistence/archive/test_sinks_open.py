"""Opening a sink: the URL decides which, and a URL that cannot work is refused at once."""

import pytest

from persistence.archive.sinks import SinkConfig, SinkError, open_sink


@pytest.mark.parametrize(
    "url",
    [
        "",
        "archive",
        "/var/lib/archive",
        "gopher://bucket",
        "file://host/path",
        "file:relative",
        "file:///a?b",
        "s3://",
        "s3:///nobucket",
        "s3://key:secret@bucket",
        "s3://Upper",
        "s3://bucket/../x",
        "s3://bucket?x=1",
    ],
)
def test_a_url_that_cannot_work_is_refused_with_what_would_and_without_secrets(url: str) -> None:
    with pytest.raises((ValueError, SinkError), match=r"file://|s3://|segment") as caught:
        open_sink(SinkConfig(url=url, access_key="the-key", secret_key="the-secret"))
    assert "secret" not in str(caught.value)
