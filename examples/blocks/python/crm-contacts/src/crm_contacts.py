"""Exports the contacts of a segment from a CRM, page by page."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from blockyard_sdk import (
    BlockFailure,
    Context,
    Field,
    HttpRule,
    Manifest,
    Outputs,
    Port,
    SecretSlot,
    Suspend,
    block,
    http,
    load_examples,
    log,
    progress,
    secret,
)

CONTACTS_URL = "https://crm.example.com/v2/contacts"
DEFAULT_WAIT_MS = 5_000
"""How long to wait if the CRM asks to slow down and does not say for how long."""


@dataclass
class Config:
    status: Annotated[Literal["lead", "customer", "any"], Field(doc="Only contacts of this status.")] = "any"
    limit: Annotated[int, Field(doc="The most contacts to return.", minimum=1, maximum=10_000)] = 1_000
    pageSize: Annotated[int, Field(doc="Contacts a request.", minimum=1, maximum=200)] = 100


@dataclass
class Input:
    segment: Annotated[str, Field(doc="The segment's id in the CRM.", min_length=1)]


@dataclass
class Contact:
    id: str
    email: str | None
    name: str
    company: str | None
    tags: list[str] = field(default_factory=list)


@block(
    Manifest(
        type="custom.crm-contacts",
        version="1.0.0",
        name="CRM contacts",
        description="Exports the contacts of a segment; waits, without an instance, when the CRM asks for it.",
        category="CRM",
        outputs=[
            Port("contacts", "The contacts, in the CRM's order.", list[Contact]),
            Port("unreachable", "Contacts without an address; silent if there are none.", list[Contact]),
        ],
        secrets=[SecretSlot("crm", "API key of the CRM, with the scope contacts:read")],
        http=[HttpRule("crm.example.com", methods=["GET"], path_prefix="/v2/contacts", secrets=["crm"])],
        stateless=True,
        examples=load_examples(__file__),
    )
)
def execute(config: Config, input: Input, context: Context) -> Outputs | Suspend:
    state: dict[str, Any] = context.state or {"cursor": None, "contacts": [], "requests": 0}
    contacts: list[dict[str, Any]] = state["contacts"]
    key = secret("crm").header("X-Api-Key")
    while True:
        request = http.Request(
            "GET",
            CONTACTS_URL,
            query={
                "segment": input.segment,
                "status": None if config.status == "any" else config.status,
                "limit": min(config.pageSize, config.limit - len(contacts)),
                "cursor": state["cursor"],
            },
            credentials=[key],
        )
        answer = http.send(request)
        state["requests"] += 1
        if answer.status == 429:
            wait_ms = answer.retry_after_ms or DEFAULT_WAIT_MS
            log.info("the CRM asks to wait", after_ms=wait_ms, contacts=len(contacts))
            return Suspend(wait_ms, state)
        page = read_page(answer)
        contacts += page["items"]
        state["cursor"] = page.get("next")
        total = min(page.get("total", len(contacts)), config.limit)
        progress(100 * len(contacts) / max(total, 1), f"{len(contacts)} of {total} contacts")
        if state["cursor"] is None or len(contacts) >= config.limit or not page["items"]:
            break
    return ended([contact(each) for each in contacts[: config.limit]], state["requests"])


def read_page(answer: http.Response) -> dict[str, Any]:
    """One page: ``{items, next?, total?}``. The CRM's own words become the failure's message."""
    if not answer.is_success:
        raise answer.failure(error_message(answer))
    page = answer.json()
    if not isinstance(page, dict) or not isinstance(page.get("items"), list):
        raise answer.unexpected("the answer has no items")
    return page


def error_message(answer: http.Response) -> str | None:
    try:
        error = answer.json()
    except BlockFailure:
        return None
    message = error.get("error") if isinstance(error, dict) else None
    return message if isinstance(message, str) else None


def contact(item: dict[str, Any]) -> Contact:
    names = [item.get("firstName"), item.get("lastName")]
    company = item.get("company") or {}
    email = (item.get("email") or "").strip().lower()
    return Contact(
        id=str(item["id"]),
        email=email or None,
        name=" ".join(name.strip() for name in names if name),
        company=company.get("name"),
        tags=sorted(set(item.get("tags") or [])),
    )


def ended(contacts: list[Contact], requests: int) -> Outputs:
    reachable = [each for each in contacts if each.email]
    unreachable = [each for each in contacts if not each.email]
    ports = {"contacts": reachable} | ({"unreachable": unreachable} if unreachable else {})
    return Outputs(ports, metadata={"contacts": len(contacts), "requests": requests})
