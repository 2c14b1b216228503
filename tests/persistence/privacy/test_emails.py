"""E-mail addresses: written plainly, spelt to be hidden, and the many other uses of the @."""

import pytest

from persistence.privacy.detectors import emails
from persistence.privacy.redaction import redact_text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("my email is bob+orders@example.co.uk.", "my email is [EMAIL]."),
        ("SUPPORT@EXAMPLE.ORG bounced", "[EMAIL] bounced"),
        ("mailto:dave@example.com?subject=hi", "mailto:[EMAIL]?subject=hi"),
        ("<jane@example.com>, 'joe@example.com'", "<[EMAIL]>, '[EMAIL]'"),
        ("a@example.com,c@example.org;e@example.net", "[EMAIL],[EMAIL];[EMAIL]"),
        ("email=jane@example.com&x=1", "email=[EMAIL]&x=1"),
        ("jane@example.com_old", "[EMAIL]_old"),
        ("jane@example.com.123", "[EMAIL].123"),
        ("o'brien@example.ie", "[EMAIL]"),
        ("joão@exemplo.com.br", "[EMAIL]"),
        ("info@xn--bcher-kva.example", "[EMAIL]"),
        ("qq@163.com", "[EMAIL]"),
        ("x@example.io\u200b!", "[EMAIL]\u200b!"),
        ("jane@exa\u200bmple.com", "[EMAIL]"),
        ("jane\uff20example\uff0ecom", "[EMAIL]"),
    ],
)
def test_an_address_is_found_and_what_stands_around_it_stays(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "spelt",
    [
        "jane (at) example (dot) com",
        "jane(at)example.com",
        "jane [AT] mail [DOT] example [DOT] com",
        "jane {at} example dot com",
        "jane@example dot com",
        "ana arroba exemplo ponto com ponto br",
        "ana (arroba) exemplo.com.br",
    ],
)
def test_an_address_that_is_spelt_out_is_found(spelt: str) -> None:
    assert redact_text(f"reach me: {spelt}, thanks") == "reach me: [EMAIL], thanks"


@pytest.mark.parametrize(
    "text",
    [
        "follow @example_support on X",
        "the decorator @app.route failed",
        "user@localhost",
        "minha senha é abc@1234",
        "react@18.2.0 and left-pad@1.0.0-alpha.beta and tool@v1.2.3-rc.one",
        "photo@2x.png and photo@1.5x.png",
        "see you (at) the office. Thanks",
        "a arroba subiu ponto final",
        "2 apples @ 3.50 each",
        "foo@bar..com",
        "@",
        "@@@",
    ],
)
def test_another_use_of_the_at_sign_survives(text: str) -> None:
    assert redact_text(text) == text


def test_offsets_are_those_of_the_text_as_it_was_given() -> None:
    text = "emoji \U0001f600 zoe@example.com!"
    assert [text[start:end] for start, end in emails.find(text)] == ["zoe@example.com"]
