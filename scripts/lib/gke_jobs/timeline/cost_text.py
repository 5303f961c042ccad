"""The cost of a run as text, for the timeline and the report."""

from __future__ import annotations

from gke_jobs.timeline.cost import ON_DEMAND, SPOT, Cost, cost_of
from gke_jobs.timeline.record import Record

NODES = {SPOT: "on spot nodes", ON_DEMAND: "on demand"}
PRICES = {SPOT: "spot price", ON_DEMAND: "on-demand price"}


def cost_rows(record: Record) -> list[tuple[str, str]]:
    """Return names and texts: the cost of the run, the wasted part, the unknown part; [] without prices."""
    cost = cost_of(record)
    if cost is None:
        return []
    unknown = _unknown(cost, record.identity.profile)
    if unknown and not cost.parts:
        return [("cost", f"not known: {unknown}")]
    rows = [("cost", f"{'at least ' if unknown else ''}{_total(cost)}")]
    if cost.wasted:
        parts = ", ".join(f"{reason.replace('_', ' ')} {amount}" for reason, amount in cost.wasted_by_reason().items())
        rows.append(("wasted", f"{cost.wasted} {cost.currency}: {parts}"))
    if unknown:
        rows.append(("cost not known", unknown))
    return rows


def _total(cost: Cost) -> str:
    kinds, amount = cost.kinds(), f"{cost.total} {cost.currency}"
    if not kinds:
        return f"{amount}: no running time"
    if len(kinds) == 1:
        return f"{amount} {NODES[kinds[0]]}"
    return f"{amount}: {', '.join(f'{cost.of(kind)} {NODES[kind]}' for kind in kinds)}"


def _unknown(cost: Cost, profile: str) -> str:
    parts = [
        f"profile {profile} has no {PRICES[kind]} ({_pods(number)})" for kind, number in cost.without_price.items()
    ]
    if cost.without_times:
        parts.append(f"{_pods(cost.without_times)} without times")
    return "; ".join(parts)


def _pods(number: int) -> str:
    return f"{number} Pod{'s' if number > 1 else ''}"
