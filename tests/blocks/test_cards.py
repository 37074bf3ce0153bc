"""The one card, in every phase, at its extremes, and what it says."""

import json
from dataclasses import replace

import pytest
from card_samples import HOSTILE, NOW, condition, extreme, in_phase, requested, score
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_limits import SPOKEN, assert_message, assert_tame, texts

from blocks import ids, steps
from blocks.cards import cluster_card
from blocks.tongue import speaking
from domain import lifecycle as life
from domain.cluster import Cluster, Phase
from domain.conditions import Status
from domain.lifecycle import phase
from services.decisions import Click


def said(cluster: Cluster, now: float = NOW + 1200) -> str:
    """All words of a card."""
    return "\n".join(text for text, _ in texts(cluster_card(cluster, now)[1]))


def buttons(cluster: Cluster) -> dict[str, dict]:
    """The buttons of a card by action id."""
    rows = [block for block in cluster_card(cluster, NOW)[1] if block["type"] == "actions"]
    return {element["action_id"]: element for row in rows for element in row["elements"]}


@pytest.mark.parametrize("state", Phase)
def test_every_phase_has_a_card_slack_takes(state: Phase) -> None:
    """Each phase renders within Slack's limits, under its own name."""
    cluster = in_phase(state)
    assert phase(cluster) is state
    text, blocks = cluster_card(cluster, NOW + 1200)
    assert_message(blocks)
    assert blocks[0]["text"]["text"].endswith(state)
    assert text.startswith(f"demo: {state.lower()}")


@pytest.mark.parametrize("words", [*HOSTILE, "&" * 300, '"' * 300, "word " * 60])
@pytest.mark.parametrize("state", Phase)
@pytest.mark.parametrize("language", SPOKEN)
def test_no_extreme_breaks_a_card(state: Phase, words: str, language: str) -> None:
    """Fifty nodes, twenty voters, longest names and hostile words stay within the limits and mean nothing."""
    with speaking(language):
        text, blocks = cluster_card(extreme(words, state), NOW + 1200)
    assert_message(blocks)
    assert_tame(blocks)
    assert "<!" not in text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.sampled_from(Phase))
def test_no_text_breaks_a_card(words: str, state: Phase) -> None:
    """Any text in any place of a record gives a message Slack takes."""
    _, blocks = cluster_card(extreme(words or "x", state), NOW + 1200)
    assert_message(blocks)
    assert_tame(blocks)


def test_who_what_and_price_are_on_the_card() -> None:
    """Owner, team, region, nodes, $/h and the total to expiry, with source and date."""
    words = said(in_phase(Phase.AWAITING_APPROVAL))
    for part in ("<@U0ALICE>", "team vision", "us-west-2", "2 × g5.12xlarge, 4 GPUs each", "Kubernetes 1.34"):
        assert part in words
    assert "*$11.89/h* · $95.11 for its whole lifetime of 8 h" in words
    assert "AWS price list of 2026-08-01" in words


def test_an_unknown_price_is_never_zero() -> None:
    """With one price unknown the sum is unknown, and the least it costs is named."""
    words = said(in_phase(Phase.AWAITING_APPROVAL, requested(known=False)))
    assert "*unknown, at least $0.544/h*" in words
    assert "2 × g5.12xlarge: *unknown*" in words


def test_an_unknown_cost_is_said_on_the_receipt() -> None:
    """A receipt without all prices does not pretend to a sum."""
    done = in_phase(Phase.DELETED)
    assert done.receipt is not None
    words = said(replace(done, receipt=replace(done.receipt, usd=None)))
    assert "cost *unknown: a price was not known*" in words


def test_approve_carries_the_request_and_what_was_shown() -> None:
    """The button's value is the id and the digest, small and opaque; Approve asks once more."""
    cluster = in_phase(Phase.AWAITING_APPROVAL)
    shown = buttons(cluster)
    value = ids.read(shown[ids.APPROVE]["value"])
    assert value == ids.ButtonValue(cluster.id, cluster.digest)
    assert Click(cluster.id, cluster.digest, approve=True).digest == value.digest
    assert shown[ids.APPROVE]["style"] == "primary"
    assert "demo" in shown[ids.APPROVE]["confirm"]["title"]["text"]
    assert shown[ids.DENY]["style"] == "danger"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Phase.CHECKING, {ids.DELETE}),
        (Phase.AWAITING_APPROVAL, {ids.APPROVE, ids.DENY, ids.CHANGE, ids.DELETE}),
        (Phase.PROVISIONING, {ids.DELETE}),
        (Phase.TROUBLE, {ids.RETRY, ids.DELETE}),
        (Phase.READY, {ids.EXTEND, ids.PARK, ids.VERIFY, ids.DELETE}),
        (Phase.RESIZING, {ids.EXTEND, ids.RESUME, ids.DELETE}),
        (Phase.PARKED, {ids.EXTEND, ids.RESUME, ids.DELETE}),
        (Phase.DELETING, set()),
        (Phase.DELETED, set()),
        (Phase.DENIED, set()),
        (Phase.LAPSED, set()),
        (Phase.REFUSED, set()),
    ],
)
def test_the_buttons_of_a_phase(state: Phase, expected: set[str]) -> None:
    """A card offers what may be done in its phase, and nothing else."""
    assert set(buttons(in_phase(state))) == expected


def test_a_dialog_says_the_price_before_the_click() -> None:
    """What a press would cost, or save, stands in the question: four hours more, without GPU nodes, with them again."""
    ready, parked = buttons(in_phase(Phase.READY)), buttons(in_phase(Phase.PARKED))
    asked = {name: held["confirm"]["text"]["text"] for name, held in (ready | parked).items() if "confirm" in held}
    assert asked[ids.EXTEND] == "demo runs 4 h longer: $1.28 more, at $0.32/h."
    assert ready[ids.EXTEND]["confirm"]["text"]["text"] == "demo runs 4 h longer: $47.55 more, at $11.89/h."
    assert "$0.32/h instead of $11.89/h" in asked[ids.PARK]
    assert "$11.89/h instead of $0.32/h" in asked[ids.RESUME]
    assert (
        "$11.89/h, $95.11 until it expires"
        in buttons(in_phase(Phase.AWAITING_APPROVAL))[ids.APPROVE]["confirm"]["text"]["text"]
    )
    unknown = buttons(in_phase(Phase.READY, requested(known=False)))
    assert "unknown more, at unknown" in unknown[ids.EXTEND]["confirm"]["text"]["text"]


def test_a_button_names_the_state_it_was_drawn_in() -> None:
    """Extend carries the end shown, Park and Resume the wish for sizes: a later card's button is another one."""
    cluster = in_phase(Phase.READY)
    seen = {name: ids.read(held["value"]) for name, held in buttons(cluster).items()}
    assert seen[ids.EXTEND] == ids.ButtonValue(cluster.id, generation=int(cluster.expires_at))
    assert seen[ids.PARK] == ids.ButtonValue(cluster.id)
    parked = in_phase(Phase.PARKED)
    assert ids.read(buttons(parked)[ids.RESUME]["value"]) == ids.ButtonValue(parked.id, generation=1)


def test_what_was_asked_for_without_tests_has_no_verify() -> None:
    """Where no GPU test was wished for, there is none to run again."""
    cluster = in_phase(Phase.READY)
    assert ids.VERIFY not in buttons(replace(cluster, spec=replace(cluster.spec, smoke=False)))


def test_delete_names_the_cluster_before_it_is_sent() -> None:
    """The dialog of Delete names what will be gone."""
    confirm = buttons(in_phase(Phase.READY))[ids.DELETE]["confirm"]
    assert confirm["title"]["text"] == "Delete demo?"
    assert confirm["style"] == "danger"


def test_every_step_has_a_line() -> None:
    """Done with its time, in work with its rest, the others with what they usually take."""
    words = said(in_phase(Phase.PROVISIONING), NOW + 700)
    assert "✓ EKS control plane · took 3 min" in words
    assert "⏳ *Add-ons* · 1 min so far, longer than the usual about a minute — 2 of 4 add-ons are active" in words
    assert "○ Node groups · usually about 2 min" in words
    assert sum(mark in words for mark in ("EKS control plane", "EKS insights")) == 2
    assert all(steps.STEPS[kind].title in words for kind in life.CREATE_ORDER)


def test_trouble_is_said_in_words() -> None:
    """A broken step is marked, and its cause stands at the top."""
    words = said(in_phase(Phase.TROUBLE))
    assert "⚠️ *Node groups*: no capacity in us-west-2a" in words
    assert "✗ *Node groups*" in words


def test_what_cannot_be_read_is_unknown_not_in_work() -> None:
    """A ready cluster that is unreadable for a while stays ready, and the card says what is unknown."""
    cluster = in_phase(Phase.READY)
    lost = condition(life.NODES, Status.UNKNOWN, "Kubernetes did not answer", "TimedOut", at=NOW + 900)
    cluster = replace(cluster, conditions=tuple(lost if c.type == life.NODES else c for c in cluster.conditions))
    assert "? Nodes Ready · unknown for 2 min — Kubernetes did not answer" in said(cluster)
    assert phase(cluster) is Phase.READY


def test_a_card_changes_by_the_minute_not_by_the_second() -> None:
    """Within one minute of a step nothing on the card moves."""
    cluster = in_phase(Phase.PROVISIONING)
    assert cluster_card(cluster, NOW + 661) == cluster_card(cluster, NOW + 719)
    assert cluster_card(cluster, NOW + 661) != cluster_card(cluster, NOW + 721)


def test_a_ready_card_has_what_eksctl_shows_and_more() -> None:
    """eksctl's columns in its order, then health, nodes, GPUs, taints and $/h."""
    table = next(block for block in cluster_card(in_phase(Phase.READY), NOW)[1] if block["type"] == "table")
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert " | ".join(rows[0][:11]) == (
        "CLUSTER | NODEGROUP | STATUS | CREATED | MIN SIZE | MAX SIZE | DESIRED CAPACITY | INSTANCE TYPE | "
        "IMAGE ID | ASG NAME | TYPE"
    )
    assert rows[2][1:11] == [
        "gpu-node-group", "ACTIVE", "2026-09-21T14:25:00Z", "0", "2", "2", "g5.12xlarge",
        "BOTTLEROCKET_x86_64_NVIDIA", "eks-gpu-node-group-9ac1f1b3", "managed",
    ]  # fmt: skip
    assert rows[2][11:] == ["ok", "2/2", "8", "ray.io/node-type=worker:NoSchedule", "$11.57"]


def test_a_ready_card_says_how_to_get_in() -> None:
    """The kubeconfig command, and a RayCluster part with toleration and GPU limits; no secret anywhere."""
    words = said(in_phase(Phase.READY))
    assert "aws eks update-kubeconfig --region us-west-2 --name raygpu-demo-abcde" in words
    assert "- key: ray.io/node-type" in words
    assert "nvidia.com/gpu: 4" in words
    assert "*8 GPUs proven*" in words


def test_troubled_nodes_come_first() -> None:
    """In a long scorecard the nodes with a cause are at the top, so no cut hides them."""
    cluster = in_phase(Phase.READY)
    nodes = (*(score(n) for n in range(60)), score(99, note="driver not loaded"))
    words = said(replace(cluster, scores=nodes))
    assert words.index("driver not loaded") < words.index("ip-10-0-123-0.")
    assert "and 21 more" in words


def test_a_receipt_says_that_nothing_is_left() -> None:
    """What is gone, how long it ran, what it cost; leftovers by name where there are any."""
    done = in_phase(Phase.DELETED)
    words = said(done)
    assert "Nothing is left" in words
    assert "ran 2 h 45 min" in words
    assert "cost *$21.50*" in words
    assert "nodegroup gpu-node-group" in words
    assert done.receipt is not None
    left = said(replace(done, receipt=replace(done.receipt, leftovers=("volume vol-1",))))
    assert "• volume vol-1" in left
    assert "Nothing is left" not in left


def test_a_withdrawn_request_has_a_receipt_of_its_own() -> None:
    """What was never approved never ran and cost nothing."""
    words = said(replace(in_phase(Phase.DELETED), approval=None))
    assert "<@U0CAROL> withdrew this request" in words
    assert "nothing was built, nothing was spent" in words
    assert "cost" not in words


def test_the_message_says_when_something_was_left_out() -> None:
    """Where the hidden limit forces a cut, the card says so instead of being refused."""
    cluster = extreme("&", Phase.READY)
    words = said(replace(cluster, quote=requested().quote))
    assert "Left out for Slack's limit" in words


def test_cards_are_json() -> None:
    """Every card survives the wire as it is."""
    for state in Phase:
        _, blocks = cluster_card(in_phase(state), NOW)
        assert json.loads(json.dumps(blocks)) == blocks


@pytest.mark.parametrize(
    ("status", "reason", "message", "line"),
    [
        (Status.UNKNOWN, "Installing", "Installing KubeRay 1.5.1.", "⏳ *KubeRay operator*"),
        (Status.UNKNOWN, "HelmFailed", "Could not install KubeRay 1.5.1: no such chart", "no such chart"),
        (Status.TRUE, "Running", "kuberay/operator:v1.5.1 in kuberay-system", "✓ KubeRay operator"),
    ],
)
def test_kuberay_has_a_line_where_it_is_installed(status: Status, reason: str, message: str, line: str) -> None:
    """On the card of a ready cluster, which stays ready; where it is not wanted no card speaks of it."""
    cluster = in_phase(Phase.READY)
    assert "KubeRay operator" not in said(cluster)
    told = condition(life.OPERATOR, status, message, reason, at=NOW + 900)
    words = said(replace(cluster, conditions=(*cluster.conditions, told)), NOW + 930)
    assert line in words and message in words
    assert "ready" in words.lower()
