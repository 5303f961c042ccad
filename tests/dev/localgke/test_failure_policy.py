"""The validation of a podFailurePolicy, and its action for a failed Pod."""

import pytest

from localgke.errors import ApiError
from localgke.failure_policy import Verdict, judge
from localgke.test_admission import admit
from localgke.test_decoding import job

RULES = "spec.podFailurePolicy.rules"
IN = {"operator": "In", "values": [3]}
DISRUPTED = {"type": "DisruptionTarget"}


def policy(*rules, **spec):
    return job(spec={"podFailurePolicy": {"rules": list(rules)}, **spec})


def on_exit_codes(action="FailJob", **requirement):
    return {"action": action, "onExitCodes": {**IN, **requirement}}


def failed(*codes, condition=None):
    states = [{"name": f"c{i}", "state": {"terminated": {"exitCode": code}}} for i, code in enumerate(codes)]
    conditions = [{"type": condition, "status": "True"}] if condition else []
    status = {"phase": "Failed", "containerStatuses": states, "conditions": conditions}
    return {"metadata": {"name": "p", "namespace": "n"}, "status": status}


@pytest.mark.parametrize(
    ("rules", "pod", "verdict"),
    [
        ([], failed(3), Verdict("Count")),
        ([on_exit_codes("Ignore")], failed(4), Verdict("Count")),
        ([on_exit_codes("Ignore", values=[4])], failed(3, 4), Verdict("Ignore")),
        ([on_exit_codes("Ignore", operator="NotIn")], failed(0, 3), Verdict("Count")),
        ([on_exit_codes("Ignore", operator="NotIn")], failed(0, 4), Verdict("Ignore")),
        ([on_exit_codes("Ignore", containerName="c1")], failed(3, 1), Verdict("Count")),
        ([on_exit_codes("Ignore", containerName="c1")], failed(1, 3), Verdict("Ignore")),
        ([on_exit_codes("Count"), on_exit_codes("Ignore")], failed(3), Verdict("Count")),
        ([{"action": "Ignore", "onPodConditions": [{**DISRUPTED, "status": "True"}]}], failed(3), Verdict("Count")),
        (
            [{"action": "Ignore", "onPodConditions": [{**DISRUPTED, "status": "True"}]}],
            failed(3, condition="DisruptionTarget"),
            Verdict("Ignore"),
        ),
        (
            [on_exit_codes(values=[1]), on_exit_codes()],
            failed(0, 3),
            Verdict("FailJob", "Container c1 for pod n/p failed with exit code 3 matching FailJob rule at index 1"),
        ),
        (
            [{"action": "FailJob", "onPodConditions": [{**DISRUPTED, "status": "True"}]}],
            failed(3, condition="DisruptionTarget"),
            Verdict("FailJob", "Pod n/p has condition DisruptionTarget matching FailJob rule at index 0"),
        ),
    ],
)
def test_the_first_rule_that_matches_decides(rules, pod, verdict):
    found = judge({"spec": {"podFailurePolicy": {"rules": rules}}}, pod)
    assert found.action == verdict.action
    assert not verdict.message or found.message == verdict.message


def test_a_policy_makes_a_job_replace_only_pods_that_have_failed():
    made = admit(policy({"action": "Ignore", "onPodConditions": [DISRUPTED]}))["spec"]
    assert made["podReplacementPolicy"] == "Failed"
    assert made["podFailurePolicy"]["rules"][0]["onPodConditions"] == [{**DISRUPTED, "status": "True"}]
    assert admit(job())["spec"]["podReplacementPolicy"] == "TerminatingOrFailed"


CODES = f"{RULES}[0].onExitCodes"


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (policy(*[on_exit_codes()] * 21), f"{RULES}: Too many: 21: must have at most 20 items"),
        (
            policy({"onExitCodes": IN}),
            f'{RULES}[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
        ),
        (
            policy(on_exit_codes("Fail")),
            f'{RULES}[0].action: Unsupported value: "Fail": supported values: '
            '"Count", "FailIndex", "FailJob", "Ignore"',
        ),
        (
            policy(on_exit_codes("FailIndex")),
            f'{RULES}[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
        ),
        (
            policy({"action": "Count"}),
            f"{RULES}[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
        ),
        (
            policy({**on_exit_codes(), "onPodConditions": [DISRUPTED]}),
            f"{RULES}[0]: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported",
        ),
        (
            policy({"action": "Count", "onPodConditions": [{**DISRUPTED, "status": "Yes"}]}),
            f'{RULES}[0].onPodConditions[0].status: Unsupported value: "Yes": supported values: '
            '"False", "True", "Unknown"',
        ),
        (
            policy({"action": "Count", "onPodConditions": [{"type": "a b"}]}),
            f'{RULES}[0].onPodConditions[0].type: Invalid value: "a b": name part must consist of',
        ),
        (
            policy({"action": "Count", "onPodConditions": [DISRUPTED] * 21}),
            f"{RULES}[0].onPodConditions: Too many: 21: must have at most 20 items",
        ),
        (
            policy({"action": "Count", "onExitCodes": {"values": [1]}}),
            f'{CODES}.operator: Required value: valid values: ["In" "NotIn"]',
        ),
        (
            policy(on_exit_codes(operator="Is")),
            f'{CODES}.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
        ),
        (
            policy(on_exit_codes(containerName="other")),
            f'{CODES}.containerName: Invalid value: "other": must be one of the container or initContainer names in the'
            " pod template",
        ),
        (policy(on_exit_codes(values=[])), f"{CODES}.values: Invalid value: []: at least one value is required"),
        (
            policy(on_exit_codes(values=list(range(1, 257)))),
            f"{CODES}.values: Too many: 256: must have at most 255 items",
        ),
        (
            policy(on_exit_codes(values=[0])),
            f"{CODES}.values[0]: Invalid value: 0: must not be 0 for the In operator",
        ),
        (policy(on_exit_codes(values=[1, 1])), f"{CODES}.values[1]: Duplicate value: 1"),
        (policy(on_exit_codes(values=[2, 1])), f"{CODES}.values: Invalid value: [2,1]: must be ordered"),
        (
            policy(on_exit_codes(), podReplacementPolicy="TerminatingOrFailed"),
            'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
        ),
        (
            job(pod={"restartPolicy": "OnFailure"}, spec={"podFailurePolicy": {"rules": [on_exit_codes()]}}),
            'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when'
            " podFailurePolicy is specified",
        ),
        (
            job(spec={"podReplacementPolicy": "Never"}),
            'spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed"',
        ),
    ],
)
def test_a_policy_that_kubernetes_refuses_is_invalid_in_its_words(obj, said):
    with pytest.raises(ApiError) as caught:
        admit(obj)
    assert caught.value.reason == "Invalid"
    assert caught.value.message.startswith(f'Job.batch "j" is invalid: {said}')


def test_zero_is_a_value_for_not_in():
    admit(policy(on_exit_codes(operator="NotIn", values=[0, 1])))
