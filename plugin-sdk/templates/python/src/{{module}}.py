"""Converts an amount at the exchange rate of a day."""

from dataclasses import dataclass
from typing import Annotated

from blockyard_sdk import (
    Context,
    Field,
    HttpRule,
    Manifest,
    SecretSlot,
    block,
    http,
    invalid_input,
    load_examples,
    log,
    secret,
)


@dataclass
class Config:
    currency: Annotated[str, Field(doc="The currency to convert to, by ISO 4217.", pattern="^[A-Z]{3}$")]
    decimals: Annotated[int, Field(doc="How many decimals the result has.", minimum=0, maximum=6)] = 2


@dataclass
class Amount:
    amount: float
    currency: Annotated[str, Field(doc="By ISO 4217.")]
    date: Annotated[str | None, Field(doc="YYYY-MM-DD; the latest rate without it.")] = None


@dataclass
class Converted:
    amount: float
    currency: str
    rate: float


@block(
    Manifest(
        type="{{type}}",
        version="0.1.0",
        name="{{title}}",
        description="Converts an amount at the exchange rate of a day.",
        secrets=[SecretSlot("rates", "API key of the exchange rate service")],
        http=[HttpRule("rates.example.com", methods=["GET"], path_prefix="/v1", secrets=["rates"])],
        stateless=True,
        examples=load_examples(__file__),
    )
)
def execute(config: Config, amount: Amount, context: Context) -> Converted:
    if amount.amount < 0:
        raise invalid_input("/amount", "it is negative")
    request = http.Request(
        "GET",
        f"https://rates.example.com/v1/rates/{http.segment(amount.date or 'latest')}",
        query={"base": amount.currency, "symbol": config.currency},
        credentials=[secret("rates").bearer()],
    )
    # An error status becomes a failure with a retry hint; see Response.failure.
    answer = http.send(request).ok()
    rate = answer.json().get("rate")
    if not isinstance(rate, (int, float)):
        raise answer.unexpected("the answer has no rate")
    log.info("rate found", base=amount.currency, symbol=config.currency, rate=rate)
    return Converted(round(amount.amount * rate, config.decimals), config.currency, rate)
