"""Records and Pods for the tests of the timeline."""

from hypothesis import strategies as st

from gke_jobs.plain_text import one_line
from gke_jobs.price import Price
from gke_jobs.timeline.record import TIMES, Identity, Outcome, PodRun, Record, Resources

T = 1767323045.0  # 2026-01-02T03:04:05Z


def pod_run(number=0, *, created=2, scheduled=22, prepared=24, started=40, ended=100, **given):
    """A Pod; times are seconds after the creation of the Job, None for those that have not come."""
    times = {"created": created, "scheduled": scheduled, "prepared": prepared, "started": started, "ended": ended}
    times = {key: None if time is None else T + time for key, time in times.items()}
    node = f"gke-ml-cluster-default-pool-1a2b3c4d-{number % 7:04}"
    given = {"outcome": Outcome.SUCCEEDED, "exit_code": 0, "node": node, **given}
    return PodRun(uid=f"uid-{number}", name=f"train-{number:05x}", **times, **given)


def record(*pods, seconds=120, **given):
    """A run that began at T."""
    given = {"job": "train", "outcome": "succeeded", "status": 0, **given}
    return Record(**{"created": T, "ended": T + seconds, "pods": pods, **given})


def many(number, *, tries=1):
    """A run of an Indexed Job with so many indexes, each of which has so many tries."""
    pods = []
    for index in range(number):
        for attempt in range(tries):
            is_last = attempt == tries - 1
            begin = index % 50 + 60 * attempt
            pods.append(
                pod_run(
                    index * tries + attempt,
                    created=begin,
                    scheduled=begin + 5,
                    prepared=begin + 6,
                    started=begin + 9,
                    ended=begin + 20 + index % 30,
                    index=str(index),
                    spot=index % 2 == 0,
                    **({} if is_last else {"outcome": Outcome.PREEMPTED, "exit_code": 143}),
                )
            )
    return record(*pods, seconds=60 * tries + 200)


texts = st.text(max_size=80).map(one_line)
whens = st.none() | st.floats(min_value=0, max_value=4e9, allow_nan=False)
counts = st.integers(min_value=0, max_value=9)
amounts = st.just("") | st.decimals(0, 999999, places=6).map(str)
prices = st.builds(Price, st.sampled_from(["EUR", "US$"]), amounts, amounts).map(Price.to_text)


@st.composite
def drawn_pods(draw, uid):
    """Any Pod that the record may hold, and more."""
    return PodRun(
        uid=uid,
        name=draw(texts),
        index=draw(texts | counts.map(str)),
        node=draw(texts),
        spot=draw(st.booleans()),
        outcome=draw(st.sampled_from(Outcome)),
        reason=draw(texts),
        exit_code=draw(st.none() | st.integers(-5, 300)),
        restarts=draw(counts),
        oom_kills=draw(counts),
        **{name: draw(whens) for name in TIMES},
    )


@st.composite
def drawn_records(draw):
    """Any record, and more."""
    number = draw(st.integers(0, 20))
    names = ("job", "namespace", "cluster", "outcome", "reason", "cause", "advice")
    return Record(
        **{name: draw(texts) for name in names},
        status=draw(st.none() | st.integers(0, 255)),
        created=draw(whens) or 0.0,
        ended=draw(whens) or 0.0,
        pods=tuple(draw(drawn_pods(f"u{index}")) for index in range(number)),
        left_out=draw(st.dictionaries(st.sampled_from(Outcome), counts)),
        identity=Identity(dag_id=draw(texts), profile=draw(texts)),
        price=draw(texts | prices),
        gang=draw(counts),
        deleted=draw(st.booleans()),
        resources=(Resources(container=draw(texts), image=draw(texts), requests=draw(texts), limits=draw(texts)),),
    )
