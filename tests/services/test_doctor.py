"""The doctor's round: every part is looked at, in reads only, and one that is down hides no other."""

import threading
from dataclasses import replace

import pytest
from office_rig import DOWN, Office
from worlds import CAROL, NOW, RULES

from domain.doctor import SOCKET, SWEEP, TICK, WORKER, SweepNote
from domain.errors import Denied, OutsideError, Rejected
from domain.rules import Freeze
from services.ports import AuditEntry

ALICES = {"U0ALICE": ("arn:aws:iam::111122223333:role/alice",)}


def well() -> Office:
    """An office in which all is as it should be."""
    office = Office(replace(RULES, principals=ALICES))
    for name in (TICK, WORKER, SOCKET):
        office.beats.put(name)
    office.beats.put(SWEEP, SweepNote(0, 0).written())
    office.known()
    return office


def marks(office: Office) -> dict[str, bool | None]:
    """Name and colour of every finding."""
    return {one.name: one.ok for one in office.doctor.examine()}


def test_all_well_is_all_green_and_nothing_was_changed() -> None:
    """Reads only: no port was asked to change anything."""
    office = well()
    assert set(marks(office).values()) == {True}
    assert office.outside.changes == []


@pytest.mark.parametrize(
    ("part", "dark"),
    [
        ("scopes", {"Slack token"}),
        ("identity", {"AWS identity"}),
        ("permissions", {"AWS permissions"}),
        ("foundation", {"Foundation in us-west-2"}),
    ],
)
def test_a_part_that_is_down_is_unknown_and_the_others_are_still_seen(part: str, dark: set[str]) -> None:
    """None with the outside's own words."""
    office = well()
    office.outside.down[part] = DOWN
    found = {one.name: one for one in office.doctor.examine()}
    assert {name for name, one in found.items() if one.ok is not True} == dark
    (name,) = dark
    assert (found[name].ok, found[name].message) == (None, DOWN.message)


@pytest.mark.parametrize("error", [Denied("NoCredentials", "no credentials"), Rejected("Invalid", "no such thing")])
def test_a_part_that_says_no_is_red(error: OutsideError) -> None:
    """Asking again would not help: it is to be mended."""
    office = well()
    office.outside.down["identity"] = error
    assert marks(office)["AWS identity"] is False


def test_a_store_that_is_down_leaves_slack_and_aws_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is unknown, the store itself is red, everything else is green."""
    office = well()

    def down(*_: object) -> None:
        raise DOWN

    for port, name in (
        (office.facts, "facts"), (office.beats, "read"), (office.switches, "freeze"), (office.switches, "halt"),
        (office.clusters, "live"),
    ):  # fmt: skip
        monkeypatch.setattr(type(port), name, down)
    found = marks(office)
    assert found["Redis"] is False
    assert {name for name, ok in found.items() if ok is None} == {
        "Slack connection", "Tick", "Worker", "Sweep", "Access", "Emergency brake", "Automatic steps"
    }  # fmt: skip
    assert all(found[name] for name in ("Slack token", "AWS identity", "AWS permissions", "Foundation in us-west-2"))


def test_the_brake_and_the_permissions_that_lack_are_told() -> None:
    """Facts reach their judgement."""
    office = well()
    office.outside.refused = ("eks:CreateCluster",)
    office.switches.set_freeze(Freeze(CAROL, NOW, "audit"), "op", AuditEntry(CAROL, "freeze", "raygpu", "command", NOW))
    found = {one.name: one for one in office.doctor.examine()}
    assert "eks:CreateCluster" in found["AWS permissions"].message
    assert found["Emergency brake"].ok is False


def test_parts_that_hang_are_waited_for_together() -> None:
    """A part that does not answer for long costs its own time once, not once for each part."""
    office = well()
    together = threading.Barrier(3, timeout=10)  # broken, and with it the test, if they were asked one after another

    def slow(*_: object) -> None:
        together.wait()
        raise DOWN

    for name in ("scopes", "own_principal", "denied"):
        setattr(office.outside, name, slow)
    assert [marks(office)[name] for name in ("Slack token", "AWS identity", "AWS permissions")] == [None] * 3
