"""The grammar of `/raygpu`, and what phones, copy-paste and Slack do to a typed line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.manual import BY_NAME, COMMANDS, Command
from domain.errors import Refused
from handlers.grammar import Line, parse
from handlers.typed import MOST_CHARACTERS

GPU = Line("create", ("demo",), {"gpu": "g5.12xlarge"})


def create(**options: str) -> Line:
    """`create demo` with these options."""
    return Line("create", ("demo",), {name.replace("_", "-"): value for name, value in options.items()})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", Line("help", ("",))),
        ("   ", Line("help", ("",))),
        ("help", Line("help", ("",))),
        ("?", Line("help", ("",))),
        ("--help", Line("help", ("",))),
        ("/raygpu", Line("help", ("",))),
        ("help create", Line("help", ("create",))),
        ("help rm", Line("help", ("delete",))),
        ("help admin", Line("help", ("admin",))),
        ("help admin freeze", Line("help", ("admin freeze",))),
        ("admin", Line("help", ("admin",))),
        ("admin --help", Line("help", ("admin",))),
        ("create --help", Line("help", ("create",))),
        ("admin freeze -h", Line("help", ("admin freeze",))),
        ("create", Line("create", ("",))),
        ("create demo", create()),
        ("CREATE demo", create()),
        ("new demo", create()),
        ("/raygpu create demo", create()),
        ("/raygpu /raygpu create demo", create()),
        ("raygpu create demo", create()),
        ("/gpus create demo", create()),
        ("create demo --plan", create(plan="yes")),
        ("create --gpu g5.12xlarge demo", GPU),
        ("create demo --gpu=g5.12xlarge", GPU),
        ("create demo --GPU g5.12xlarge", GPU),
        ("create demo --type g5.12xlarge", GPU),
        ("create demo --nodes 2 --lifetime 8h", create(gpus="2", ttl="8h")),
        ("create demo --spot --no-smoke", create(spot="yes", no_smoke="yes")),
        ("create demo --gpus -1", create(gpus="-1")),
        ("status demo", Line("status", ("demo",))),
        ("show demo", Line("status", ("demo",))),
        ("list", Line("list", ("",))),
        ("list ALL", Line("list", ("ALL",))),
        ("ls team", Line("list", ("team",))),
        ("delete demo", Line("delete", ("demo",))),
        ("rm demo", Line("delete", ("demo",))),
        ("extend demo 4h", Line("extend", ("demo", "4h"))),
        ("extend demo by 4h", Line("extend", ("demo", "4h"))),
        ("extend demo +1d 12 hours", Line("extend", ("demo", "+1d 12 hours"))),
        ("keep demo until friday 18:00", Line("keep", ("demo", "friday 18:00"))),
        ("keep demo friday 18:00", Line("keep", ("demo", "friday 18:00"))),
        ("keep demo 4h --reason the demo", Line("keep", ("demo", "4h"), {"reason": "the demo"})),
        ("scale demo 2", Line("scale", ("demo", "2"))),
        ("scale demo to 2", Line("scale", ("demo", "2"))),
        ("access demo", Line("access", ("demo", ""))),
        ("access demo <@U0BOB|bob>", Line("access", ("demo", "U0BOB"))),
        ("access demo <@W0BOB> --level EDIT", Line("access", ("demo", "W0BOB"), {"level": "edit"})),
        ("access demo U0BOB --revoke", Line("access", ("demo", "U0BOB"), {"revoke": "yes"})),
        ("transfer demo to <@U0BOB|bob>", Line("transfer", ("demo", "U0BOB"))),
        ("cost", Line("cost", ("", ""))),
        ("cost demo", Line("cost", ("demo", ""))),
        ("cost 30d", Line("cost", ("", "30d"))),
        ("cost team 30d", Line("cost", ("team", "30d"))),
        ("doctor", Line("doctor")),
        ("admin freeze audit of the account", Line("admin freeze", ("audit of the account",))),
        ("ADMIN Unfreeze", Line("admin unfreeze")),
        ("admin adopt raygpu-demo-k3x7a", Line("admin adopt", ("raygpu-demo-k3x7a",))),
    ],
)
def test_what_is_meant(text: str, line: Line) -> None:
    """Each way of typing means its command."""
    assert parse(text) == line


def test_every_option_has_its_place() -> None:
    """All options of create at once."""
    text = (
        "create demo --gpu g5.xlarge,g6.xlarge --gpus 2 --max 4 --ttl 8h --spot --region us-west-2 --team vision "
        "--reason fine tuning --ami al2023 --no-smoke --plan"
    )
    assert parse(text).options == {
        "gpu": "g5.xlarge,g6.xlarge",
        "gpus": "2",
        "max": "4",
        "ttl": "8h",
        "spot": "yes",
        "region": "us-west-2",
        "team": "vision",
        "reason": "fine tuning",
        "ami": "al2023",
        "no-smoke": "yes",
        "plan": "yes",
    }


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_manual_is_what_the_grammar_reads(command: Command) -> None:
    """Every example, alias and option that help shows means the command it stands under."""
    for example in command.examples:
        typed = example.replace("@bob", "<@U0BOB|bob>")
        assert parse(typed).command == command.name
        for alias in command.aliases:
            assert parse(typed.replace(command.name, alias, 1)) == parse(typed)
    words = parse(command.examples[-1].replace("@bob", "<@U0BOB>").partition(" --")[0])
    for option in command.options:
        for name in (option.name, *option.aliases):
            shown = f" --{name} {option.example}" if option.takes else f" --{name}"
            typed = command.examples[-1].replace("@bob", "<@U0BOB>").partition(" --")[0] + shown
            assert parse(typed) == Line(command.name, words.words, {option.name: option.example or "yes"})


def test_no_two_commands_share_a_word() -> None:
    """Names and aliases are all different, so a word means one thing."""
    said = [word for command in COMMANDS for word in (command.name, *command.aliases)]
    assert len(said) == len(set(said))


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
    assert parse(text) == GPU


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
    expected = create(reason=reason, spot="yes")
    assert parse(f"create demo --reason {typed} --spot") == expected
    assert parse(f"create demo --spot --reason={typed}") == expected


def test_a_quoted_reason_ends_at_its_quote() -> None:
    """What stands behind the closing quote is a word of its own."""
    assert parse('create --reason "fine tuning" demo') == create(reason="fine tuning")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("crate demo", "“crate” is no command. Did you mean create?"),
        ("staus demo", "“staus” is no command. Did you mean status?"),
        ("freeze now", "“freeze” is no command. There are: "),
        ("xyzzy", "“xyzzy” is no command. There are: create, list, status, "),
        ("help crete", "“crete” is no command. Did you mean create?"),
        ("admin freez x", "`admin` has no “freez”. Did you mean freeze?"),
        ("admin xyzzy", "`admin` has no “xyzzy”. There are: freeze, unfreeze, automatic, orphans, adopt."),
        ("help admin thaw", "`admin` has no “thaw”. There are: freeze, unfreeze, automatic, orphans, adopt."),
        ("create demo --gpsu 2", "`create` has no option --gpsu. Did you mean --gpu?"),
        ("create demo --regoin x", "`create` has no option --regoin. Did you mean --region?"),
        ("access demo --lvel edit", "`access` has no option --lvel. Did you mean --level?"),
        ("access demo --level eddit", "--level cannot be “eddit”. Did you mean edit?"),
        ("access demo --level root", "--level cannot be “root”. There are: view, edit, admin."),
        ("create demo --gpu", "--gpu needs a value, for example --gpu g5.xlarge."),
        ("create demo --gpu=", "--gpu needs a value, for example --gpu g5.xlarge."),
        ("create demo --ttl --spot", "--ttl needs a value, for example --ttl 8h."),
        ("create demo --gpu a --gpu b", "--gpu is given twice."),
        ("create demo --type a --gpu b", "--gpu is given twice."),
        ("create demo --spot=yes", "--spot takes no value."),
        ("create demo more", "“more” is one word too many. A cluster has one name; put a reason behind --reason."),
        ("status", "Which cluster? `/raygpu status NAME`; `/raygpu list` shows their names."),
        ("delete", "Which cluster? `/raygpu delete NAME`; `/raygpu list` shows their names."),
        ("keep", "Which cluster? `/raygpu keep NAME [until] WHEN… [--reason WORDS]`; `/raygpu list`"),
        ("keep demo until", "Something is missing: `/raygpu keep NAME [until] WHEN…"),
        (
            "extend demo",
            "Something is missing: `/raygpu extend NAME [by] SPAN…`, for example `/raygpu extend demo 4h`.",
        ),
        ("scale demo", "Something is missing: `/raygpu scale NAME [to] N`, for example `/raygpu scale demo 2`."),
        ("scale demo two", "“two” is no whole number; for example `/raygpu scale demo 2`."),
        ("scale demo -1", "“-1” is no whole number; for example `/raygpu scale demo 2`."),
        ("transfer demo", "Something is missing: `/raygpu transfer NAME [to] @USER`"),
        ("transfer demo @bob", "“@bob” is nobody Slack told me of: type @ and choose the person from the list."),
        ("access demo bob", "“bob” is nobody Slack told me of: type @ and choose the person from the list."),
        ("admin freeze", "Something is missing: `/raygpu admin freeze REASON…`, for example"),
        ("admin adopt", "Something is missing: `/raygpu admin adopt ID`, for example"),
        ("delete a b", "“b” is one word too many. `/raygpu help delete` shows how it goes."),
        ("cost a 7d b", "“b” is one word too many. `/raygpu help cost` shows how it goes."),
        ("delete demo --force", "`delete` has no option --force. `/raygpu help delete` shows it."),
        ("create " + "x" * MOST_CHARACTERS, "That is more than 3000 characters; a command is a line."),
    ],
)
def test_what_is_not_understood_gets_a_hint(text: str, sentence: str) -> None:
    """A mistake is answered by a sentence that says what would be right."""
    with pytest.raises(Refused) as refused:
        parse(text)
    assert refused.value.message.startswith(sentence)


@given(
    st.text(alphabet=st.characters(), max_size=400)
    | st.text(alphabet=" -—–\"'“”‘’=<>|&;`createlisdp@U01/:\n\u00a0\u200b")
)
def test_no_text_does_more_than_refuse(text: str) -> None:
    """Whatever is typed parses or is refused in words; nothing else is ever raised."""
    starts = ["", "create demo --reason ", *(f"{command.name} " for command in COMMANDS)]
    for line in (start + text for start in starts):
        try:
            found = parse(line)
        except Refused as no:
            assert no.message
            assert len(no.message) < 400
        else:
            assert found.command in BY_NAME


# What people type, and what stands in for it on a phone or after Slack: each pair must be read alike.
SPACES = st.sampled_from([" ", "  ", "\u00a0", "\u2003", "\u3000", "\t", "\n", " \u200b", "\ufeff "])
DASHES = st.sampled_from(["--", "—", "–", "-", "‑‑", "–-", "―"])
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
VALUES = st.from_regex(r"[a-z0-9][a-z0-9.,]{0,10}", fullmatch=True)


@st.composite
def decorated(draw: st.DrawFn) -> tuple[str, str]:
    """A line as it is meant, and the same as it may arrive."""
    command = draw(st.sampled_from([c for c in COMMANDS if c.slots.startswith(("NAME", "[NAME"))]))
    plain, odd = [command.name, draw(NAMES)], ["/raygpu", command.name.upper()]
    odd.append(draw(quoted(plain[1])))
    if "SPAN" in command.slots or "WHEN" in command.slots:
        plain, odd = [*plain, "4h"], [*odd, draw(quoted("4h"))]
    if " N" in command.slots:
        plain, odd = [*plain, "2"], [*odd, "2"]
    if "@USER" in command.slots:
        plain, odd = [*plain, "U0BOB"], [*odd, draw(st.sampled_from(["<@U0BOB>", "<@U0BOB|bob>", "&lt;@U0BOB&gt;"]))]
    for option in draw(st.lists(st.sampled_from(command.options), unique=True)) if command.options else []:
        value = option.among[0] if option.among else draw(VALUES)
        plain += [f"--{option.name}", value] if option.takes else [f"--{option.name}"]
        odd += [f"{draw(DASHES)}{option.name}", draw(quoted(value))] if option.takes else [draw(DASHES) + option.name]
    return " ".join(plain), "".join(part for word in odd for part in (draw(SPACES), word))


@st.composite
def quoted(draw: st.DrawFn, word: str) -> str:
    """The word in quotes of some kind, as an auto-link, or as it is."""
    shapes = ["{}", '"{}"', "“{}”", "„{}“", "'{}'", "‘{}’", "«{}»", "<http://{0}|{0}>", "<https://{}>"]
    return draw(st.sampled_from(shapes)).format(word)


@given(decorated())
def test_decorations_mean_nothing(pair: tuple[str, str]) -> None:
    """Quotes, spaces, dashes, links and entities of any kind are read as what was meant."""
    plain, odd = pair
    assert parse(odd) == parse(plain)
