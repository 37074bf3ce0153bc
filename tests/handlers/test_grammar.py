"""The grammar of `/raygpu`, and what phones, copy-paste and Slack do to a typed line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from domain.request import CreateOptions
from handlers.grammar import COMMANDS, Create, Delete, Help, Listing, Status, parse
from handlers.typed import MOST_CHARACTERS

GPU = CreateOptions(name="demo", gpu="g5.12xlarge")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        ("   ", Help()),
        ("help", Help()),
        ("?", Help()),
        ("--help", Help()),
        ("help create", Help("create")),
        ("create --help", Help("create")),
        ("create", Create(CreateOptions(), bare=True)),
        ("create demo", Create(CreateOptions(name="demo"))),
        ("CREATE demo", Create(CreateOptions(name="demo"))),
        ("new demo", Create(CreateOptions(name="demo"))),
        ("/raygpu create demo", Create(CreateOptions(name="demo"))),
        ("create demo --plan", Create(CreateOptions(name="demo"), plan=True)),
        ("create --gpu g5.12xlarge demo", Create(GPU)),
        ("create demo --gpu=g5.12xlarge", Create(GPU)),
        ("create demo --GPU g5.12xlarge", Create(GPU)),
        ("create demo --type g5.12xlarge", Create(GPU)),
        ("create demo --nodes 2 --lifetime 8h", Create(CreateOptions(name="demo", gpus="2", ttl="8h"))),
        ("create demo --spot --no-smoke", Create(CreateOptions(name="demo", spot=True, smoke=False))),
        ("create demo --gpus -1", Create(CreateOptions(name="demo", gpus="-1"))),
        ("status demo", Status("demo")),
        ("show demo", Status("demo")),
        ("list", Listing("mine")),
        ("list ALL", Listing("all")),
        ("ls team", Listing("team")),
        ("delete demo", Delete("demo")),
        ("rm demo", Delete("demo")),
    ],
)
def test_what_is_meant(text: str, command: object) -> None:
    """Each way of typing means its command."""
    assert parse(text) == command


def test_every_option_has_its_place() -> None:
    """All options at once."""
    text = (
        "create demo --gpu g5.xlarge,g6.xlarge --gpus 2 --max 4 --ttl 8h --spot --region us-west-2 --team vision "
        "--reason fine tuning --ami al2023 --no-smoke --plan"
    )
    options = CreateOptions(
        "demo", "g5.xlarge,g6.xlarge", "2", "4", "8h", "us-west-2", "vision", "fine tuning", "al2023", True, False
    )
    assert parse(text) == Create(options, plan=True)


@pytest.mark.parametrize(
    "text",
    [
        "create demo —gpu g5.12xlarge",
        "create demo –gpu g5.12xlarge",
        "create demo –-gpu g5.12xlarge",
        "create demo -gpu g5.12xlarge",
        "create demo ―gpu g5.12xlarge",
        "create demo ‑‑gpu g5.12xlarge",
        "create\u00a0demo\u2003--gpu\u3000g5.12xlarge",
        "create\ndemo\t--gpu\r\ng5.12xlarge",
        "create demo --gpu g5.12xlarge\u200b\ufeff",
        "create demo \u202e--gpu g5.12xlarge",
        "create demo --gpu <http://g5.12xlarge|g5.12xlarge>",
        "create demo --gpu <http://g5.12xlarge>",
        "create “demo” --gpu „g5.12xlarge“",
        "create 'demo' --gpu ‘g5.12xlarge’",
        'create "demo" --gpu="g5.12xlarge"',
        'create demo --gpu "g5.12xlarge',
        "create demo --gpu=“g5.12xlarge”",
    ],
)
def test_hostile_typing_means_the_same(text: str) -> None:
    """Dashes of phones, odd spaces, auto-links, curly and open quotes change nothing."""
    assert parse(text) == Create(GPU)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("fine tuning", "fine tuning"),
        ("“train — llama’s best”", "train — llama's best"),
        ("don't stop", "don't stop"),
        ('"--spot please"', "--spot please"),
        ("a &amp;&amp; b &lt;c&gt;", "a && b <c>"),
        ("ask <@U0BOB|bob> first", "ask <@U0BOB> first"),
        ("see <mailto:a@b.example|a@b.example>", "see a@b.example"),
        ("payload=1", "payload=1"),
        ("- dash - dash", "- dash - dash"),
    ],
)
def test_a_reason_needs_no_quotes(typed: str, reason: str) -> None:
    """A reason goes on to the next option, and is what its author saw while typing."""
    expected = Create(CreateOptions(name="demo", reason=reason, spot=True))
    assert parse(f"create demo --reason {typed} --spot") == expected
    assert parse(f"create demo --spot --reason={typed}") == expected


def test_a_quoted_reason_ends_at_its_quote() -> None:
    """What stands behind the closing quote is a word of its own."""
    assert parse('create --reason "fine tuning" demo') == Create(CreateOptions(name="demo", reason="fine tuning"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("crate demo", "“crate” is no command. Did you mean create?"),
        ("staus demo", "“staus” is no command. Did you mean status?"),
        (
            "xyzzy",
            "“xyzzy” is no command. There are: create, status, list, delete, help. `/raygpu help` says what they do.",
        ),
        ("help crete", "“crete” is no command. Did you mean create?"),
        ("create demo --gpsu 2", "`create` has no option --gpsu. Did you mean --gpu?"),
        ("create demo --regoin x", "`create` has no option --regoin. Did you mean --region?"),
        ("create demo --gpu", "--gpu needs a value, for example --gpu g5.xlarge."),
        ("create demo --gpu=", "--gpu needs a value, for example --gpu g5.xlarge."),
        ("create demo --ttl --spot", "--ttl needs a value, for example --ttl 8h."),
        ("create demo --gpu a --gpu b", "--gpu is given twice."),
        ("create demo --type a --gpu b", "--gpu is given twice."),
        ("create demo --spot=yes", "--spot takes no value."),
        ("create demo more", "“more” is one word too many. A cluster has one name; put a reason behind --reason."),
        ("status", "Which cluster? `/raygpu status NAME`; `/raygpu list` shows their names."),
        ("delete", "Which cluster? `/raygpu delete NAME`; `/raygpu list` shows their names."),
        ("delete a b", "“b” is one word too many. `/raygpu help delete` shows how it goes."),
        ("delete demo --force", "`delete` has no option --force. `/raygpu help delete` shows it."),
        ("create " + "x" * MOST_CHARACTERS, "That is more than 3000 characters; a command is a line."),
    ],
)
def test_what_is_not_understood_gets_a_hint(text: str, sentence: str) -> None:
    """A mistake is answered by a sentence that says what would be right."""
    with pytest.raises(Refused) as refused:
        parse(text)
    assert refused.value.message == sentence


@given(
    st.text(alphabet=st.characters(), max_size=400)
    | st.text(alphabet=" -—–\"'“”‘’=<>|&;`createlisdp@U01\n\u00a0\u200b")
)
def test_no_text_does_more_than_refuse(text: str) -> None:
    """Whatever is typed parses or is refused in words; nothing else is ever raised."""
    for line in (text, f"create {text}", f"create demo --reason {text}", f"status {text}"):
        try:
            command = parse(line)
        except Refused as no:
            assert no.message
            assert len(no.message) < 400
        else:
            assert isinstance(command, Create | Status | Listing | Delete | Help)


def test_commands_are_all_reachable() -> None:
    """Each command's own name is understood."""
    for name in COMMANDS:
        assert parse(f"help {name}") == Help(name)
