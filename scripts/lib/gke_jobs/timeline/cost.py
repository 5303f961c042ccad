"""What a run cost: the running time of its Pods, by the price that its Job carries. What is not known is counted."""

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
UNIT = Decimal("0.0001")  # to which each part is rounded, so that parts add up; JSON has it without an exponent
MILLISECONDS_OF_HOUR = 3_600_000
KEPT = ""  # of what was not wasted
NOT_STARTED = frozenset((Outcome.WAITING, Outcome.STARTING, Outcome.STUCK))


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Amounts of money.

    parts: by kind of node and as what it was wasted, KEPT where it was not
    without_price: Pods that ran, by kind of node; without_times: Pods of which it is not known for how long they ran
    """

    currency: str
    parts: Mapping[tuple[str, str], Decimal]
    without_price: Mapping[str, int]
    without_times: int

    @property
    def total(self) -> Decimal:
        """What all Pods cost whose cost is known."""
        return sum(self.parts.values(), 0 * UNIT)

    @property
    def wasted(self) -> Decimal:
        """What those of them cost that ended otherwise than by success, or still ran when the Job was ended."""
        return sum(self.wasted_by_reason().values(), 0 * UNIT)

    def of(self, kind: str) -> Decimal:
        """Return what Pods on these nodes cost."""
        return sum((amount for (one, _), amount in self.parts.items() if one == kind), 0 * UNIT)

    def kinds(self) -> list[str]:
        """Return on which kinds of nodes Pods ran."""
        return [kind for kind in (SPOT, ON_DEMAND) if any(one == kind for one, _ in self.parts)]

    def wasted_by_reason(self) -> dict[str, Decimal]:
        """Return what they cost by how they ended, in the order of Outcome; of those that ran by how the run ended."""
        reasons = dict.fromkeys([*(one.name.lower() for one in Outcome), *(reason for _, reason in self.parts)])
        amounts = {one: sum(self.parts.get((kind, one), 0 * UNIT) for kind in (SPOT, ON_DEMAND)) for one in reasons}
        return {reason: Decimal(amount) for reason, amount in amounts.items() if amount and reason != KEPT}

    @property
    def is_known(self) -> bool:
        """Whether all of it is known."""
        return not self.without_times and not any(self.without_price.values())

    def to_json(self) -> Json:
        """Return it as summary.schema.json describes it."""
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
    """Return what the run cost; None where its Job carries no price."""
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
    """Return for how many milliseconds a Pod ran; None where that is not known."""
    if pod.started is None:
        has_node = pod.node or pod.scheduled is not None
        return 0 if pod.outcome in NOT_STARTED or not has_node else None
    if pod.created is None or (pod.outcome.is_over and pod.ended is None):
        return None
    spans = pod_spans(pod, record, attempt=2)
    return round(1000 * sum(span.seconds for span in spans if span.phase is Phase.RUNNING))
