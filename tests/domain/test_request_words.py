"""From typed words to a spec: every bad input is refused at its own field, and every spec keeps the rules."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import ALICE, KNOWN, RULES

from domain.errors import Refused
from domain.naming import token
from domain.request import MIN_TTL_S, NAME, CreateOptions, duration, to_spec
from domain.rules import Actor, Rules
from domain.spec import AL2023_NVIDIA, BOTTLEROCKET_NVIDIA, GPU_AMIS, SPOT, WORKER_TAINT, ClusterSpec

ACTOR = Actor(ALICE)
GOOD = CreateOptions(name="demo")


def spec_of(**changes: object) -> ClusterSpec:
    """The spec of `demo` with some options."""
    return to_spec(replace(GOOD, **changes), ACTOR, RULES, KNOWN)


BAD = [
    ("name", ""),
    ("name", "Demo"),
    ("name", "1demo"),
    ("name", "-demo"),
    ("name", "de_mo"),
    ("name", "de mo"),
    ("name", "demo\n"),
    ("name", "d" * 31),
    ("name", "démo"),
    ("name", "<!channel>"),
    ("gpu", "g5.xlagre"),
    ("gpu", "m5.xlarge"),
    ("gpu", "p5.48xlarge"),
    ("gpu", "g6e.xlarge"),  # allowed by the rules, unknown to the table of types
    ("gpu", ","),
    ("gpu", "g5.xlarge,g5.12xlarge"),
    ("gpus", "0"),
    ("gpus", "-1"),
    ("gpus", "9"),
    ("gpus", "1.5"),
    ("gpus", "two"),
    ("gpus", "²"),
    ("gpus", "٣"),
    ("gpus", "1e1"),
    ("gpus", "1" * 5000),
    ("gpus", "0000011"),  # eleven, however it is written
    ("max", "0"),
    ("max", "9"),
    ("max", "all"),
    ("max", "000000123"),
    ("ttl", "8"),
    ("ttl", "h"),
    ("ttl", "8 hours"),
    ("ttl", "-8h"),
    ("ttl", "29m"),
    ("ttl", "0h"),
    ("ttl", "8d"),
    ("ttl", "9999d"),
    ("ttl", "99999999999h"),
    ("ttl", "30m8h"),
    ("region", "mars-1"),
    ("region", "us-west-2; drop"),
    ("team", "t" * 41),
    ("team", "R&D"),
    ("team", "ml,ops"),
    ("reason", "r" * 301),
    ("ami", "ubuntu"),
]


@pytest.mark.parametrize(("field", "text"), BAD)
def test_bad_inputs_name_their_field(field: str, text: str) -> None:
    """Each is refused with a sentence, at the field where it was typed."""
    with pytest.raises(Refused) as refused:
        spec_of(**{field: text})
    assert refused.value.field == field
    assert refused.value.message.endswith((".", "?")) or "”" in refused.value.message


def test_max_below_gpus_is_told_at_max() -> None:
    """Two numbers that contradict one another: the ceiling is at fault."""
    with pytest.raises(Refused) as refused:
        spec_of(gpus="3", max="2")
    assert refused.value.field == "max"


def test_a_misspelt_type_is_guessed() -> None:
    """A close name is offered."""
    with pytest.raises(Refused, match=r"Did you mean g5\.xlarge\?"):
        spec_of(gpu="g5.xlagre")


def test_defaults_are_those_of_the_guide() -> None:
    """A name alone gives the guide's two groups, the taint, and the rules' lifetime."""
    spec = spec_of()
    cpu, gpu = spec.groups
    assert (cpu.name, cpu.instance_types, cpu.disk_gb, cpu.desired, cpu.min_size, cpu.max_size) == (
        "cpu-node-group", ("m5.xlarge",), 256, 1, 0, 1,
    )  # fmt: skip
    assert (gpu.name, gpu.ami_type, gpu.instance_types, gpu.disk_gb) == (
        "gpu-node-group", BOTTLEROCKET_NVIDIA, ("g5.xlarge",), 1024,
    )  # fmt: skip
    assert (gpu.desired, gpu.min_size, gpu.max_size, gpu.taints) == (1, 0, 1, (WORKER_TAINT,))
    assert (spec.ttl_s, spec.owner, spec.smoke, spec.region) == (RULES.default_ttl_s, ALICE, True, "us-west-2")


def test_everything_given() -> None:
    """Every option lands where it belongs, whatever its case and the blanks around it."""
    spec = spec_of(
        gpu=" G5.12XLARGE ", gpus=" 2 ", max="4", ttl=" 1D12H ", region=" US-WEST-2 ", team=" ml  ops ",
        reason="train\n it", ami="AL2023", spot=True, smoke=False,
    )  # fmt: skip
    gpu = spec.groups[1]
    assert (gpu.instance_types, gpu.desired, gpu.max_size, gpu.gpus_per_node) == (("g5.12xlarge",), 2, 4, 4)
    assert (gpu.ami_type, gpu.capacity_type) == (AL2023_NVIDIA, SPOT)
    assert (spec.ttl_s, spec.team, spec.reason, spec.smoke, spec.gpus) == (36 * 3600, "ml ops", "train it", False, 8)


def test_types_keep_their_order_once_each() -> None:
    """EKS tries instance types in the order given; a type named twice is one type."""
    assert spec_of(gpu="g6.xlarge,g5.xlarge,g6.xlarge").groups[1].instance_types == ("g6.xlarge", "g5.xlarge")


def test_principals_of_the_requester_are_let_in() -> None:
    """The configuration's principals of the person come into the spec, nobody else's."""
    rules = replace(RULES, principals={ALICE: ("arn:alice",), "U0BOB": ("arn:bob",)})
    assert to_spec(GOOD, ACTOR, rules, KNOWN).access == ("arn:alice",)


@pytest.mark.parametrize(("text", "chosen"), [("", ""), ("off", "off"), (" Park ", "park"), ("DELETE", "delete")])
def test_how_far_raygpu_may_go_is_part_of_what_was_asked(text: str, chosen: str) -> None:
    """It stands in the spec; saying nothing leaves the digest of a request as it always was."""
    spec = spec_of(automatic=text)
    assert spec.automatic == chosen
    assert (spec.digest == spec_of().digest) is (chosen == "")


@pytest.mark.parametrize("text", ["on", "yes", "parking", "park,delete", "x" * 5000])
def test_what_is_not_how_far_raygpu_may_go_is_refused(text: str) -> None:
    """With the words that may stand there, at the option as it is typed."""
    with pytest.raises(Refused) as refused:
        spec_of(automatic=text)
    assert (refused.value.field, refused.value.reason) == ("auto", "BadAutomatic")
    assert "off, park or delete" in refused.value.message and len(refused.value.message) < 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8h", 28800), ("90m", 5400), ("2d", 172800), ("1d12h", 129600), ("1d1h1m", 90060), (" 1H ", 3600)],
)
def test_durations(text: str, seconds: int) -> None:
    """Days, hours and minutes, in that order."""
    assert duration(text) == seconds


def test_unstated_gpu_type_is_one_the_rules_allow() -> None:
    """Where g5.xlarge is not allowed the first allowed type is the default."""
    rules = Rules(gpu_types=("g6.xlarge",))
    assert to_spec(GOOD, ACTOR, rules, KNOWN).groups[1].instance_types == ("g6.xlarge",)


words = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", "g5.xlarge", "g5.12xlarge, g5.12xlarge", "G6.XLARGE", "8h", "0000009", "1d", "al2023", "us-west-2"]
    ),
    st.integers(-3, 10**9).map(str),
    st.from_regex(r"\d{0,8}[dhm]?\d{0,8}[dhm]?", fullmatch=True),
)
options = st.builds(
    CreateOptions,
    name=st.one_of(words, st.from_regex(NAME, fullmatch=True)),
    gpu=words, gpus=words, max=words, ttl=words, region=words, team=words, reason=st.text(max_size=400), ami=words,
    spot=st.booleans(), smoke=st.booleans(), automatic=words,
)  # fmt: skip
good_options = st.builds(
    CreateOptions,
    name=st.from_regex(NAME, fullmatch=True),
    gpu=st.sampled_from(["", *(k for k in RULES.gpu_types if k in KNOWN)]),
    gpus=st.sampled_from(["", *map(str, range(1, 12)), "007", "0000011"]),
    max=st.sampled_from(["", *map(str, range(1, 12)), "0000019"]),
    ttl=st.one_of(st.just(""), st.builds("{}h{}m".format, st.integers(0, 200), st.integers(0, 99))),
    team=st.text(max_size=45),
    spot=st.booleans(),
    automatic=st.sampled_from(["", "off", "park", "delete"]),
)


def check_rules(spec: ClusterSpec) -> None:
    """What holds of every spec that passes."""
    gpu = spec.groups[1]
    assert NAME.fullmatch(spec.name)
    assert spec.region in RULES.regions
    assert MIN_TTL_S <= spec.ttl_s <= RULES.max_ttl_s
    assert 1 <= gpu.desired <= gpu.max_size <= RULES.max_nodes
    assert gpu.min_size == 0
    assert set(gpu.instance_types) <= set(RULES.gpu_types)
    assert gpu.gpus_per_node == KNOWN[gpu.instance_types[0]].gpus > 0
    assert gpu.ami_type in GPU_AMIS.values()
    assert WORKER_TAINT in gpu.taints
    assert len(spec.team) <= 40 and len(spec.reason) <= 300
    assert spec.owner == ALICE
    assert len(token(spec.digest)) <= 64
    assert spec.automatic in ("", "off", "park", "delete")


@given(st.one_of(options, good_options))
def test_any_words_are_refused_or_keep_the_rules(given_options: CreateOptions) -> None:
    """Nothing but Refused ever comes out, with a known field; and whatever passes lies within the rules."""
    try:
        spec = to_spec(given_options, ACTOR, RULES, KNOWN)
    except Refused as refused:
        assert refused.field in {*CreateOptions.__dataclass_fields__, "auto"}
        assert refused.message
    else:
        check_rules(spec)


@given(st.text(max_size=40))
def test_duration_gives_seconds_or_refuses(text: str) -> None:
    """Any text is a whole number of minutes or a Refused at ttl."""
    try:
        seconds = duration(text)
    except Refused as refused:
        assert refused.field == "ttl"
    else:
        assert seconds >= 0 and seconds % 60 == 0
