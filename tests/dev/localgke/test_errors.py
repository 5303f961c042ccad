from localgke import errors


def test_an_error_is_a_status_object_with_code_reason_and_the_object_it_is_about():
    assert errors.not_found("jobs.batch", "x").status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'jobs.batch "x" not found',
        "reason": "NotFound",
        "details": {"name": "x", "group": "batch", "kind": "jobs"},
        "code": 404,
    }


def test_an_error_for_an_unsupported_feature_names_the_stand_in():
    refused = errors.not_imitated('the field "spec.hostNetwork"')
    assert refused.code == 501
    assert refused.message.startswith('localgke does not imitate the field "spec.hostNetwork"')
