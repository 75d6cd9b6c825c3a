"""policy add, list and remove against a hub that answers for real."""

import json

from hubclient import Hub
from tests.unit.frontend.conftest import catalog, measured, quick_passwords  # noqa: F401  (fixtures, found by name)
from tests.unit.hubclient.test_scores_from_the_command_line import folder, hub, run  # noqa: F401


def name_of_a_namespace(hub: Hub) -> str:  # noqa: F811
    """One that the caller owns."""
    return str(hub.call("GET", "/whoami")["username"])


def test_an_owner_adds_lists_and_removes_a_policy(run, folder, hub):  # noqa: F811
    namespace = name_of_a_namespace(hub)
    assert run("eval-set", "add", folder, f"{namespace}/films")[0] == 0
    code, out, _ = run("policy", "add", namespace, "--set", f"{namespace}/films", "--largest-drop", "0.01")
    assert (code, "measures and guards" in out) == (0, True)
    code, out, _ = run("policy", "list", namespace, "--json")
    (policy,) = json.loads(out)["results"]
    assert (policy["evaluation_set"], policy["largest_drop"], policy["task"]) == (f"{namespace}/films", 0.01, "")
    code, out, _ = run("policy", "list", namespace)
    assert (code, "any" in out, "0.01" in out, "no limit" in out) == (0, True, True, True)
    assert run("policy", "remove", namespace, str(policy["id"]))[0] == 0
    assert json.loads(run("policy", "list", namespace, "--json")[1])["results"] == []


def test_a_policy_that_is_not_there_and_a_namespace_of_others_are_refused(run, hub):  # noqa: F811
    namespace = name_of_a_namespace(hub)
    code, _, said = run("policy", "remove", namespace, "999999")
    assert (code, "has no policy 999999" in said) == (1, True)
    code, _, said = run("policy", "add", "nobody-here", "--set", "nobody-here/films")
    assert (code, "not_found" in said) == (1, True)
