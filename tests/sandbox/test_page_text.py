"""What the page writes: mrkdwn, dates, emoji, rich text, threads, hints and the world's panel, all escaped."""

from typing import Any

import pytest

from blocks import steps
from sandbox.page.composer import matching_hints
from sandbox.page.conversation import threaded
from sandbox.page.dates import render_date
from sandbox.page.mrkdwn import Reader, mrkdwn_html, plain_html
from sandbox.page.panel import defaults_of, typed
from sandbox.page.rich_text import rich_text_html
from sandbox.page.world import bill_html, clusters_html
from sandbox.slack.model import Message

READER = Reader(user_name={"U0BOB": "bob"}.get, channel_name={"C0RAYGPU": "raygpu"}.get, tz="Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*bold* _it_ ~gone~", "<b>bold</b> <i>it</i> <s>gone</s>"),
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        ("`a *b* <c>`", "<code>a *b* &lt;c&gt;</code>"),
        ("```x\n&lt;y&gt;```", "<pre>x\n&lt;y&gt;</pre>"),
        ("hi <@U0BOB>", 'hi <span class="mention">@bob</span>'),
        ("<@U0GONE|old>", '<span class="mention">@old</span>'),
        ("in <#C0RAYGPU>", 'in <span class="mention">#raygpu</span>'),
        ("<!here>", '<span class="mention">@here</span>'),
        ("a\n&gt; q\nb", "a<br><blockquote>q</blockquote>b"),
        ("1 < 2 &amp; 3", "1 &lt; 2 &amp; 3"),
    ],
)
def test_mrkdwn_becomes_html(text: str, expected: str) -> None:
    """Slack's markup is drawn, everything else is literal."""
    assert mrkdwn_html(text, READER) == expected


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "&lt;img src=x onerror=alert(1)&gt;",
        "<javascript:alert(1)|click>",
        '<https://x"onmouseover="alert(1)|click>',
        "`<script>`",
        "```<script>```",
        "<@U0GONE|<script>>",
        "<!date^1^{date}|<script>>",
        "\ue0000\ue001<script>",
    ],
)
def test_nothing_in_a_text_becomes_live_html(text: str) -> None:
    """Neither tags, handlers nor javascript links survive."""
    written = mrkdwn_html(text, READER)
    assert "<script" not in written
    assert "<img" not in written
    assert 'href="javascript' not in written
    assert '"onmouseover' not in written


def test_links_open_elsewhere_with_their_label() -> None:
    """A labelled link shows the label and keeps the address."""
    written = mrkdwn_html("<https://example.com/?a=1&amp;b=2|docs>", READER)
    assert 'href="https://example.com/?a=1&amp;b=2"' in written
    assert ">docs</a>" in written


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{date_num} {time}", "2026-09-21 15:33"),
        ("{date_short} at {time_secs}", "Sep 21, 2026 at 15:33:20"),
        ("{date_long}", "Monday, September 21, 2026"),
        ("{nonsense}", "fallback"),
    ],
)
def test_dates_are_written_in_the_readers_time_zone(pattern: str, expected: str) -> None:
    """A date token follows the reader; an unknown token shows the fallback."""
    assert render_date("1789997600", pattern, "fallback", "Europe/Berlin") == expected


def test_a_broken_date_shows_its_fallback() -> None:
    """A stamp that is no number is the fallback."""
    assert "soon" in mrkdwn_html("<!date^x^{date}|soon>", READER)


@pytest.mark.parametrize("text", [":white_check_mark:", "✅", "⚠️"])
def test_common_emoji_are_drawn(text: str) -> None:
    """Named and literal emoji become icons; an unknown name stays text."""
    assert "material-icons" in plain_html(text)
    assert plain_html(":no_such_emoji:") == ":no_such_emoji:"


@pytest.mark.parametrize("mark", [*steps.SHORT.values(), "🧊"])
def test_every_mark_of_a_card_is_drawn(mark: str) -> None:
    """Also where no emoji font is."""
    assert "material-icons" in plain_html(mark)


def test_rich_text_is_drawn_and_escaped() -> None:
    """Lists, styles and mentions of a rich_text block, with its text escaped."""
    section = {
        "type": "rich_text_section",
        "elements": [
            {"type": "text", "text": "<b>", "style": {"bold": True}},
            {"type": "user", "user_id": "U0BOB"},
            {"type": "link", "url": "javascript:alert(1)", "text": "no"},
        ],
    }
    block = {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [section]}]}
    written = rich_text_html(block, READER)
    assert "<li>" in written
    assert "<b>&lt;b&gt;</b>" in written
    assert "@bob" in written
    assert "javascript" not in written


def message(ts: str, thread_ts: str | None = None) -> Message:
    """A message with this ts."""
    return Message(channel="C", ts=ts, user="U", text=ts, thread_ts=thread_ts)


def test_replies_stand_below_their_thread() -> None:
    """A late reply comes right after its root, before younger messages; a reply without a root stands alone."""
    rows = threaded([message("1"), message("2"), message("3", "1"), message("4", "0")])
    assert [(m.ts, reply) for m, reply in rows] == [("1", False), ("3", True), ("2", False), ("4", False)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("/raygpu d", ["delete", "doctor"]),
        ("/raygpu delete demo", ["delete"]),
        ("/raygpu admin", ["admin freeze", "admin unfreeze", "admin automatic", "admin orphans", "admin adopt"]),
        ("/raygpu admin freeze the audit", ["admin freeze"]),
        ("/raygpu nothing x", []),
        ("/other", []),
        ("hello", []),
    ],
)
def test_hints_follow_what_is_typed(text: str, names: list[str]) -> None:
    """Subcommands by prefix, then the usage of the one typed."""
    assert [name for name, _, _ in matching_hints(text)] == names


def test_a_slash_shows_all_commands() -> None:
    """Typing / or /raygpu offers every subcommand."""
    assert len(matching_hints("/")) == len(matching_hints("/raygpu ")) > 10


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [("3", 1, 3), ("0.5", None, 0.5), ("eu-central-1a", None, "eu-central-1a"), ("1790.000100", "", "1790.000100")],
)
def test_fault_parameters_keep_their_type(text: str, default: Any, value: Any) -> None:
    """Numbers become numbers unless the default is a text."""
    assert typed(text, default) == value


def test_fault_parameters_may_be_bare_names() -> None:
    """A list of names has no defaults."""
    assert defaults_of({"params": ["zone"]}) == {"zone": None}


def snapshot(**more: Any) -> dict[str, Any]:
    """A world with one cluster in trouble."""
    group = {
        "name": "gpu-node-group",
        "status": "CREATING",
        "ami_type": "BOTTLEROCKET_x86_64_NVIDIA",
        "instance_types": ["g5.xlarge"],
        "desired": 1,
        "health": [{"code": "AsgInstanceLaunchFailures", "message": "no <capacity>"}],
    }
    node = {"name": "n1", "instance_type": "g5.xlarge", "group": "gpu-node-group", "ready": True, "taints": ["a=b:c"]}
    cluster = {
        "name": "demo",
        "status": "ACTIVE",
        "version": "1.34",
        "nodegroups": [group],
        "nodes": [{**node, "gpus": 0, "gpus_expected": 1}],
    }
    bill = {"per_hour": 1.5, "total": None}
    return {"now": 0.0, "speed": 60.0, "clusters": [cluster], "leftovers": [], "bill": bill, **more}


def test_panel_shows_clusters_health_gpus_and_leftovers() -> None:
    """Health codes, GPU counts and leftovers are named, texts escaped."""
    written = clusters_html(snapshot(leftovers=[{"kind": "eni", "id": "eni-1"}]))
    for part in ("demo", "AsgInstanceLaunchFailures", "no &lt;capacity&gt;", "0/1 GPU", "a=b:c", "eni-1"):
        assert part in written
    assert "No clusters" in clusters_html(snapshot(clusters=[]))


def test_an_unknown_amount_is_not_zero() -> None:
    """A bill that is not known says so."""
    written = bill_html(snapshot())
    assert "$1.50" in written
    assert "unknown" in written
    assert "$0" not in written
