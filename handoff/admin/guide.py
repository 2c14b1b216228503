"""What an operator needs to know to fill in an endpoint's form, by connector. Names without words here show bare."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Guide:
    """``makes_signing``: the signing secret is ours to make; otherwise the desk shows one that is pasted here."""

    title: str
    about: str
    address: str
    options: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    makes_signing: bool = True
    may_lack: frozenset[str] = frozenset()  # secrets that not every such endpoint has


GUIDES: dict[str, Guide] = {
    "webhook": Guide(
        "Signed webhook",
        "Any receiver that speaks Standard Webhooks: your own service, or an automation tool.",
        "https://desk.example.com/holdfast",
        secrets={"signing": "Signs what is sent, and what comes back."},
    ),
    "email": Guide(
        "E-mail",
        "A team's mailbox, one thread for each case; answers come back through a relay that posts them here.",
        "smtp://mail.example.com:587, or smtps://mail.example.com:465",
        options={
            "from": "The sender, such as holdfast@example.com.",
            "to": "The team's mailbox, such as support@example.com.",
            "reply_to": "Where answers go, such as replies@example.com; each case gets its own address there.",
            "username": "Empty where the server asks for no login.",
            "starttls": "“off” only for a relay in your own network that has no TLS.",
        },
        secrets={
            "signing": "The relay signs each mail that it posts here with it.",
            "password": "Of the user name above.",
        },
        may_lack=frozenset({"password"}),
    ),
    "zendesk": Guide(
        "Zendesk Support",
        "A ticket for each case; agents answer there.",
        "https://your-name.zendesk.com",
        options={
            "email": "The agent whose API token is used.",
            "agent_id": "That agent's id: what it did itself is not taken for news.",
            "group_id": "The group that gets the tickets.",
            "tags": "Tags of every ticket, separated by commas.",
        },
        secrets={
            "api_token": "From Admin Center, Apps and integrations, Zendesk API.",
            "signing": "The signing secret that Zendesk shows for the webhook that posts to Holdfast.",
        },
        makes_signing=False,
    ),
    "zammad": Guide(
        "Zammad",
        "A ticket for each case; agents answer there.",
        "https://zammad.example.com",
        options={
            "group": "The group that gets the tickets.",
            "login": "The API user's login: what it did itself is not taken for news.",
            "case_attribute": "The ticket attribute that holds the case; holdfast_case_id unless you say otherwise.",
            "customer_domain": "The mail domain of the addresses that customers without one get.",
            "priorities": 'Names of priorities, where yours differ: {"urgent": "4 urgent"}.',
            "tags": "Tags of every ticket, separated by commas.",
        },
        secrets={
            "token": "An access token of the API user.",
            "signing": "The HMAC signature token of the webhook in Zammad.",
        },
    ),
    "chatwoot": Guide(
        "Chatwoot",
        "A conversation for each case, in an inbox of the kind “API”.",
        "https://app.chatwoot.com",
        options={
            "account_id": "The number after /accounts/ in Chatwoot's address bar.",
            "inbox_id": "The number of the API inbox.",
            "team_id": "The team that gets the conversations.",
            "assignee_id": "The agent that gets them.",
        },
        secrets={
            "token": "The access token of a user, from the profile's settings.",
            "signing": "The secret that Chatwoot shows for the webhook that posts to Holdfast.",
        },
        makes_signing=False,
    ),
}


def guide(connector: str) -> Guide:
    """Return the words for a connector; bare ones for a connector that has none here."""
    return GUIDES.get(connector) or Guide(connector.capitalize(), "", "https://")
