"""The cost of a run: the running time of its Pods, times the price in its Job. Pods without known cost are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from gke_jobs.json_access import Json
from gke_jobs.price import price_from_text
from gke_jobs.timeline.phases import Phase, pod_spans
from gke_jobs.timeline.record import Outcome, PodRun, Record

SPOT, ON_DEMAND = "spot", "on_demand"
UNIT = Decimal("0.0001")  # each part is rounded to it, so that parts add up; JSON has no exponent then
MILLISECONDS_OF_HOUR = 3_600_000
KEPT = ""  # marks cost that was not wasted
NOT_STARTED = frozenset((Outcome.WAITING, Outcome.STARTING, Outcome.STUCK))


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Amounts of money.

    parts: by kind of node and reason of the waste, KEPT for none
    without_price: Pods that ran, by kind of node; without_times: Pods whose running time is not known
    """

    currency: str
    parts: Mapping[tuple[str, str], Decimal]
    without_price: Mapping[str, int]
    without_times: int

    @property
    def total(self) -> Decimal:
        """The cost of all Pods whose cost is known."""
        return sum(self.parts.values(), 0 * UNIT)

    @property
    def wasted(self) -> Decimal:
        """The cost of the Pods that did not succeed, or still ran when the Job was ended."""
        return sum(self.wasted_by_reason().values(), 0 * UNIT)

    def of(self, kind: str) -> Decimal:
        """Return the cost of Pods on these nodes."""
        return sum((amount for (one, _), amount in self.parts.items() if one == kind), 0 * UNIT)

    def kinds(self) -> list[str]:
        """Return the kinds of nodes on which Pods ran."""
        return [kind for kind in (SPOT, ON_DEMAND) if any(one == kind for one, _ in self.parts)]

    def wasted_by_reason(self) -> dict[str, Decimal]:
        """Return the wasted cost by outcome of the Pods, in the order of Outcome; of running Pods by end of the run."""
        reasons = dict.fromkeys([*(one.name.lower() for one in Outcome), *(reason for _, reason in self.parts)])
        amounts = {one: sum(self.parts.get((kind, one), 0 * UNIT) for kind in (SPOT, ON_DEMAND)) for one in reasons}
        return {reason: Decimal(amount) for reason, amount in amounts.items() if amount and reason != KEPT}

    @property
    def is_known(self) -> bool:
        """Whether the complete cost is known."""
        return not self.without_times and not any(self.without_price.values())

    def to_json(self) -> Json:
        """Return the cost in the form of summary.schema.json."""
        return {
            "currency": self.currency,
            "total": float(self.total),
            "spot": float(self.of(SPOT)),
            "on_demand": float(self.of(ON_DEMAND)),
            "wasted": float(self.wasted),
            "wasted_by_outcome": {one: float(part) for one, part in self.wasted_by_reason().items()},
            "pods_without_price": sum(self.without_price.values()),
            "pods_without_times": self.without_times,
        }


def cost_of(record: Record) -> Cost | None:
    """Return the cost of the run; None if its Job has no price."""
    price = price_from_text(record.price)
    if price is None:
        return None
    prices = {SPOT: price.spot, ON_DEMAND: price.on_demand}
    exact: dict[tuple[str, str], Decimal] = {}
    without_price: Counter[str] = Counter()
    without_times = sum(record.left_out.values())
    for pod in record.pods:
        kind, milliseconds = SPOT if pod.spot else ON_DEMAND, _running(pod, record)
        if milliseconds is None:
            without_times += 1
        elif milliseconds and not prices[kind]:
            without_price[kind] += 1
        elif milliseconds:
            key = kind, _waste(pod, record)
            exact[key] = exact.get(key, Decimal(0)) + Decimal(prices[kind]) * milliseconds
    parts = {key: (amount / MILLISECONDS_OF_HOUR).quantize(UNIT) for key, amount in exact.items()}
    return Cost(currency=price.currency, parts=parts, without_price=without_price, without_times=without_times)


def _waste(pod: PodRun, record: Record) -> str:
    if pod.outcome is Outcome.SUCCEEDED:
        return KEPT
    return pod.outcome.name.lower() if pod.outcome.is_over else record.waste


def _running(pod: PodRun, record: Record) -> int | None:
    """Return the running time of a Pod in milliseconds; None if not known."""
    if pod.started is None:
        has_node = pod.node or pod.scheduled is not None
        return 0 if pod.outcome in NOT_STARTED or not has_node else None
    if pod.created is None or (pod.outcome.is_over and pod.ended is None):
        return None
    spans = pod_spans(pod, record, attempt=2)
    return round(1000 * sum(span.seconds for span in spans if span.phase is Phase.RUNNING))
