"""What a help desk is answered when its post is not taken. Nothing was changed in any of these.

HoldfastError (persistence.errors)
├── NotVerified              it is not proven that the desk sent this (401)
│   ├── SignatureMissing
│   ├── SignatureWrong
│   └── SignatureExpired
├── EndpointOff              the endpoint cannot take anything now; send again later (503)
└── InboundUnavailable       Postgres did not take it; send again later (503)
"""

from persistence.errors import HoldfastError, PersistenceUnavailable


class NotVerified(HoldfastError):
    status = 401


class SignatureMissing(NotVerified):
    code = "signature_missing"
    title = "The post is not signed"

    def __init__(self) -> None:
        super().__init__("Nothing was changed. Sign the post with the endpoint's signing secret.")


class SignatureWrong(NotVerified):
    code = "signature_wrong"
    title = "The signature does not fit"

    def __init__(self) -> None:
        super().__init__(
            "Nothing was changed. The signature was made with another secret, or for other bytes than arrived: it is "
            "verified over the raw body."
        )


class SignatureExpired(NotVerified):
    code = "signature_expired"
    title = "The signature is too old"

    def __init__(self) -> None:
        super().__init__(
            "Nothing was changed. The signed time is too far from ours. Check the sender's clock, and sign each retry "
            "anew."
        )


NOT_VERIFIED: dict[str, type[NotVerified]] = {
    kind.code: kind for kind in (SignatureMissing, SignatureWrong, SignatureExpired)
}


class EndpointOff(HoldfastError):
    code = "endpoint_off"
    title = "This endpoint takes nothing now"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "Nothing was changed. The endpoint is switched off, or its secrets cannot be read. Send the same post "
            "again later; the endpoint's page in the console says what to do."
        )


class InboundUnavailable(PersistenceUnavailable):
    def __init__(self) -> None:
        HoldfastError.__init__(
            self,
            "Postgres did not confirm it, so nothing is acknowledged. Send the same post again: what was applied after "
            "all is not applied twice.",
        )
