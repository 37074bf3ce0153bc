"""The configuration file: what it may hold, and every fault with its line, several at once."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from bot.config import Config, ConfigError, load
from bot.eyes import rules_here
from domain.operator import OperatorChart
from domain.rules import Allowance, ApprovalRule, Idle, IdlePolicy, Rules
from sandbox.local import CONFIG

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def loaded(folder: Path, content: str) -> Config:
    """The configuration with this content."""
    path = folder / "raygpu.yaml"
    path.write_text(content, encoding="utf-8")
    return load(path)


def faults(folder: Path, content: str) -> list[tuple[int, str]]:
    """Each fault as (line, sentence), in order."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, content)
    pattern = re.compile(r"RAYGPU_CONFIG: .*raygpu\.yaml, line (\d+): (.*)\.", re.DOTALL)
    found = [pattern.fullmatch(fault) for fault in caught.value.faults]
    assert all(found), caught.value.faults
    return [(int(one[1]), one[2]) for one in found if one]


def example() -> str:
    """The YAML of the page."""
    return PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    """Nothing, a comment and no file at all mean the same."""
    assert loaded(tmp_path, "") == loaded(tmp_path, "# later\n") == load(None)
    rules, usual = load(None).rules(), Rules()
    assert (rules.regions, rules.gpu_types, rules.max_ttl_s, rules.longest_life_s) == (
        usual.regions,
        usual.gpu_types,
        usual.max_ttl_s,
        usual.longest_life_s,
    )


def test_the_documented_example_loads_and_means_what_it_says(tmp_path: Path) -> None:
    """The YAML of docs/configuration.md becomes the domain's rules, every section of it."""
    rules = loaded(tmp_path, example()).rules()
    assert rules.approvers == {"U0BOB", "U0BORIS"}
    assert (rules.default_ttl_s, rules.max_ttl_s, rules.longest_life_s) == (8 * 3600, 7 * 86400, 30 * 86400)
    assert rules.principals["U0ALICE"] == ("arn:aws:iam::111122223333:role/alice",)
    assert rules.groups["leads"] == {"U0CAROL", "S0LEADS"}
    assert rules.teams["vision"] == {"U0ALICE", "U0BOB"}
    assert rules.user_groups == {"S0LEADS", "S0ML"}
    assert rules.create[0].gpu_types is None
    assert (rules.create[1].max_ttl_s, rules.create[1].channels) == (86400, {"C0RAYGPU"})
    assert rules.approval[0] == ApprovalRule(0, "approvers", 0.80, frozenset({"g4dn.xlarge"}))
    assert (rules.approval[1].approvals, rules.approval[1].group) == (2, "leads")
    assert rules.quotas.user == Allowance(3, 8, 20)
    assert rules.quotas.everyone.gpus == 128
    assert rules.quotas.users["U0CAROL"] == Allowance(10, 64)
    assert (rules.budgets.team, rules.budgets.teams["vision"], rules.budgets.second_tier) == (10000, 25000, "leads")
    assert (rules.approvals_channel, rules.language) == ("C0APPROVE", "en")
    assert rules.idle.policy == replace(IdlePolicy(), automatic="park")
    assert rules.idle.of("vision") == replace(IdlePolicy(), automatic="delete", delete_after_s=48 * 3600)
    assert (rules.idle.prometheus, rules.idle.digest_channel) == ("monitoring/prometheus-server:80", "C0RAYGPU")
    assert (rules.idle.shadow_s, rules.idle.actions_per_hour, rules.idle.exporter) == (14 * 86400, 5, True)


def test_the_example_and_the_table_name_every_field() -> None:
    """No field of the file is missing in the page, neither in the example nor in the table."""
    held = yaml.safe_load(example())
    assert set(held) == set(Config.model_fields)
    table = PAGE.read_text(encoding="utf-8").split("## Fields")[1]
    assert all(f"`{name}`" in table or f"`{name}[]`" in table for name in Config.model_fields)


def test_what_the_rules_hold_cannot_be_changed(tmp_path: Path) -> None:
    """The mappings are read-only, so no use case can bend the rules."""
    rules = loaded(tmp_path, example()).rules()
    for held in (rules.groups, rules.teams, rules.principals, rules.quotas.users, rules.budgets.teams):
        assert isinstance(held, MappingProxyType)


@pytest.mark.parametrize(
    ("content", "with_helm", "expected"),
    [
        ("", True, OperatorChart()),
        ("", False, None),
        ("kuberay: {install: false}", True, None),
        ("kuberay: {install: true}", False, OperatorChart()),
        ("kuberay: {version: 1.6.0}", True, replace(OperatorChart(), version="1.6.0")),
        ("kuberay: {chart: mine, repository: https://charts.example}", True,
         OperatorChart("mine", repository="https://charts.example")),
        ("kuberay: {chart: oci://registry.example/kuberay-operator}", True,
         OperatorChart("oci://registry.example/kuberay-operator", repository="")),
        (f"kuberay: {{chart: /charts/k.tgz, digest: 'sha256:{'0' * 64}'}}", True,
         OperatorChart("/charts/k.tgz", repository="", digest="sha256:" + "0" * 64)),
    ],
)  # fmt: skip
def test_kuberay_is_installed_where_it_is_asked_for_or_helm_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, with_helm: bool, expected: OperatorChart | None
) -> None:
    """Left out it depends on helm; said it does not, so that a missing helm is told on the card."""
    monkeypatch.setattr("adapters.helm.shutil.which", lambda name, path=None: f"/usr/bin/{name}" if with_helm else None)
    assert rules_here(loaded(tmp_path, content)).operator == expected


def test_the_sandbox_configuration_is_valid_and_asks_one_approver_for_a_plain_create(tmp_path: Path) -> None:
    """`create demo` of the sandbox needs one approver; its second tier exists."""
    rules = loaded(tmp_path, yaml.safe_dump(CONFIG)).rules()
    first = next(r for r in rules.approval if r.gpu_types is None or "g5.xlarge" in r.gpu_types)
    assert (first.approvals, first.group) == (1, "approvers")
    assert rules.members(rules.budgets.second_tier) >= {"U0CAROL"}


SHAPES = [
    ("aprovers: [U0BOB]", 1, "did you mean “approvers”"),
    ("limits:\n  max_node: 3", 2, "limits.max_node is no field of the configuration; did you mean “max_nodes”"),
    ("quotas:\n  users:\n    U0BOB: {gpu: 3}", 3, "did you mean “gpus”"),
    ("quotas:\n  everyone: {gpus: 3}", 2, "quotas.everyone is no field"),
    ("limits: {max_nodes: 0}", 1, "limits.max_nodes must be at least 1"),
    ("limits: {max_nodes: yes}", 1, "limits.max_nodes must be a whole number"),
    ('limits: {max_nodes: "3"}', 1, "limits.max_nodes must be a whole number"),
    ("budgets:\n  user: .inf", 2, "budgets.user must be"),
    ("budgets:\n  user: -1", 2, "budgets.user must be at least 0"),
    ("budgets:\n  user: many", 2, "budgets.user must be a number"),
    ("limits: {max_ttl: soon}", 1, "limits.max_ttl: “soon” is not a time span"),
    ("regions: []", 1, "regions is empty"),
    ("approvers:", 1, "approvers has no value"),
    ("approvers: U0BOB", 1, "approvers must be a list"),
    ("limits: 3", 1, "limits must be a mapping"),
    ("approvers:\n  - U0BOB\n  - bob", 3, "“bob” is neither a Slack user id"),
    ("groups:\n  leads: []", 2, "groups.leads is empty"),
    ("groups:\n  Leads: [U0BOB]", 2, "“Leads” is not a group name"),
    ("groups:\n  admins: [U0BOB]", 2, "a group of its own"),
    ("teams:\n  'a  b': [U0BOB]", 2, "is not a team name"),
    ("language: fr", 1, "it has en, zh"),
    ("approvals_channel: '#gpu'", 1, "“#gpu” is not a Slack channel id"),
    ("principals:\n  U0BOB:\n    - arn:aws:sts::111122223333:assumed-role/a/b", 3, "is not the ARN of an IAM role"),
    ("principals:\n  bob: [x]", 2, "“bob” is not a Slack user id"),
    (
        "foundations:\n  us-west-2: {vpc: v, subnets: [a], cluster_role: r, node_role: n}",
        2,
        "foundations.us-west-2.subnets is empty; name at least 2",
    ),
    ("foundations:\n  us-west-2: {vpc: v, subnets: [a, b], node_role: n}", 2, "cluster_role is missing"),
    ("approvers: [U0BOB]\nadmins: [U0BOB]\napprovers: [U0ALICE]", 3, "approvers stands there a second time"),
    ("limits:\n  max_nodes: 1\n  max_nodes: 2", 3, "limits.max_nodes stands there a second time"),
    ("approval:\n  - approvals: 1\n    group: leads\n  -", 4, "approval[1] has no value"),
    ("idle:\n  automatic: on", 2, "idle.automatic: it is one of off, park and delete"),
    ("idle:\n  automatic: parc", 2, "it is one of off, park and delete"),
    ("idle:\n  automatic: [park]", 2, "it is one of off, park and delete"),
    ("idle:\n  at_expiry: keep", 2, "idle.at_expiry: it is one of"),
    ("idle:\n  window: long", 2, "idle.window: “long” is not a time span"),
    ("idle:\n  window: 60", 2, "idle.window must be text"),
    ("idle:\n  day: [8]", 2, "idle.day: it takes two hours"),
    ("idle:\n  day: [8, 25]", 2, "idle.day[1] must be at most 24"),
    ("idle:\n  day: [8, 20.5]", 2, "idle.day[1] must be a whole number"),
    ("idle:\n  steps_usd: 25", 2, "idle.steps_usd must be a list"),
    ("idle:\n  first_usd: -1", 2, "idle.first_usd must be at least 0"),
    ("idle:\n  notices: 0", 2, "idle.notices must be at least 1"),
    ("idle:\n  exporter: maybe", 2, "idle.exporter must be true or false"),
    ("idle:\n  prometheus: prometheus", 2, "“prometheus” is not http(s)://… or namespace/service:port"),
    ("idle:\n  prometheus: http://user:word@prometheus", 2, "is not http(s)://…"),
    ("idle:\n  digest_channel: '#gpu'", 2, "“#gpu” is not a Slack channel id"),
    ("idle:\n  actions_per_hour: many", 2, "must be a whole number"),
    ("idle:\n  autmatic: park", 2, "did you mean “automatic”"),
    ("idle:\n  teams:\n    vision:\n      shadow: 1d", 4, "idle.teams.vision.shadow is no field"),
    ("idle:\n  teams:\n    vision: {grace: soon}", 3, "idle.teams.vision.grace: “soon” is not a time span"),
    ("kuberay:\n  install: maybe", 2, "kuberay.install must be true or false"),
    ("kuberay:\n  version: latest", 2, "“latest” is not a version, such as 1.5.1"),
    ("kuberay:\n  chart: --post-renderer=sh", 2, "“--post-renderer=sh” is not the name"),
    ("kuberay:\n  repository: http://charts.example", 2, "is not an https:// address"),
    ("kuberay:\n  repository: https://user:word@charts.example", 2, "is not an https:// address"),
    ("kuberay:\n  digest: sha256:abc", 2, "is not sha256: and 64 hexadecimal digits"),
    ("kuberay: off", 1, "kuberay must be a mapping"),
    ("a: [unclosed", 1, "it is not YAML"),
    ("a: 1\n---\nb: 2", 2, "it is not YAML"),
    ("12: x", 1, "12"),
]


@pytest.mark.parametrize(("content", "line", "told"), SHAPES, ids=[content for content, _, _ in SHAPES])
def test_a_wrong_value_is_told_with_its_line(tmp_path: Path, content: str, line: int, told: str) -> None:
    """The line and the way to the field are in the sentence."""
    found = faults(tmp_path, content)
    assert any(at == line and told in sentence for at, sentence in found), found


BETWEEN = [
    ("create:\n  - who: [leeds]\ngroups:\n  leads: [U0BOB]", 2, "“leeds” is neither", "did you mean “leads”"),
    ("approval:\n  - group: leeds\ngroups:\n  leads: [U0BOB]", 2, "no group “leeds”", "did you mean “leads”"),
    ("approvers: [U0BOB]\napproval:\n  - {}", 3, "an empty rule says nothing", ""),
    ("approvers: [U0BOB]\napproval:\n  - approvals: 2", 3, "asks for 2 of “approvers”, which has only 1", ""),
    ("approval:\n  - approvals: 1", 2, "nobody in it", ""),
    (
        "approvers: [U0BOB]\napproval:\n  - approvals: 1\n  - approvals: 0\n    gpu_types: [g5.xlarge]",
        4,
        "never reached: approval[0]",
        "",
    ),
    ("create:\n  - gpu_types: [g5.xlarg]", 2, "“g5.xlarg” is not among `gpu_types`", "did you mean “g5.xlarge”"),
    ("create:\n  - regions: [us-west2]", 2, "not among `regions`", "did you mean “us-west-2”"),
    (
        "foundations:\n  eu-west-1: {vpc: v, subnets: [a, b], cluster_role: r, node_role: n}",
        2,
        "“eu-west-1” is not among `regions`",
        "",
    ),
    (
        "teams:\n  vision: [U0BOB]\nbudgets:\n  teams:\n    vison: 3\nadmins: [U0BOB]",
        5,
        "“vison” is not among `teams`",
        "“vision”",
    ),
    (
        "teams:\n  vision: [U0BOB]\nquotas:\n  teams:\n    vison: {gpus: 3}",
        5,
        "“vison” is not among `teams`",
        "“vision”",
    ),
    ("budgets:\n  user: 5", 1, "must approve, which has nobody in it", ""),
    ("budgets:\n  user: 5\n  second_tier: boss", 3, "no group “boss”", ""),
    ("limits:\n  max_ttl: 2h", 1, "8h is longer than `max_ttl`, 2h", ""),
    ("limits:\n  max_ttl: 31d", 2, "31d is longer than `longest_life`, 30d", ""),
    ("limits:\n  default_ttl: 10m", 2, "shorter than the shortest lifetime", ""),
    ("create:\n  - max_ttl: 8d", 2, "8d is longer than `limits.max_ttl`, 7d", ""),
    ("create:\n  - max_nodes: 9", 2, "9 is more than `limits.max_nodes`, 8", ""),
    ("idle:\n  window: 14m", 2, "14m is shorter than the shortest window, 15m", ""),
    ("idle:\n  dear_window: 0h", 2, "0h is shorter than the shortest dear_window, 15m", ""),
    ("idle:\n  grace: 29m", 2, "29m is shorter than the shortest grace, 30m", ""),
    ("idle:\n  delete_after: 59m", 2, "59m is shorter than the shortest, 1h", ""),
    ("idle:\n  dear_window: 2h", 2, "2h is longer than `window`", ""),
    ("idle:\n  latest: 30m", 2, "30m is shorter than `window`", ""),
    ("idle:\n  steps_usd: [25, 10]", 2, "the sums must rise", ""),
    ("idle:\n  steps_usd: [25, 25]", 2, "the sums must rise", ""),
    ("idle:\n  day: [20, 8]", 2, "not from 20 to 8", ""),
    ("idle:\n  teams:\n    vision:\n      window: 5m", 4, "idle.teams.vision.window: 5m is shorter", ""),
    (
        "teams:\n  vision: [U0BOB]\nidle:\n  teams:\n    vison: {grace: 2h}",
        5,
        "“vison” is not among `teams`",
        "“vision”",
    ),
]


@pytest.mark.parametrize(("content", "line", "told", "hint"), BETWEEN, ids=[case[0] for case in BETWEEN])
def test_parts_that_do_not_fit_together_are_told_with_their_line(
    tmp_path: Path, content: str, line: int, told: str, hint: str
) -> None:
    """Unknown names come with the nearest known one; rules and bounds that cannot work are named."""
    [(at, sentence)] = faults(tmp_path, content)
    assert (at, told in sentence, hint in sentence) == (line, True, True), sentence


def test_what_idleness_leaves_out_is_as_raygpu_comes(tmp_path: Path) -> None:
    """Without the section, or with an empty one, the domain's own defaults hold; the shadow is two weeks."""
    assert loaded(tmp_path, "").rules().idle == loaded(tmp_path, "idle: {}").rules().idle == Idle()


def test_a_bare_off_is_off(tmp_path: Path) -> None:
    """YAML reads it as false; people mean the word."""
    policy = loaded(tmp_path, "idle: {automatic: off, at_expiry: off}").rules().idle.policy
    assert (policy.automatic, policy.at_expiry) == ("off", "off")


def test_a_team_has_its_own_rules_over_those_of_the_installation(tmp_path: Path) -> None:
    """What a team leaves out is as the installation has it, not as raygpu comes."""
    content = (
        "idle:\n  automatic: park\n  first_usd: 7\n  grace: 2h\n  day: [9, 18]\n"
        "  teams:\n    vision: {automatic: off, notices: 3}\n"
    )
    idle = loaded(tmp_path, content).rules().idle
    vision, others = idle.of("vision"), idle.of("speech")
    assert (others.automatic, others.park_notices) == ("park", 2)
    assert (vision.automatic, vision.park_notices) == ("off", 3)
    for policy in (vision, others):
        assert (policy.first_usd, policy.grace_s, policy.day_from, policy.day_to) == (7, 7200, 9, 18)
        assert (policy.window_s, policy.latest_s, policy.steps_usd) == (3600, 8 * 3600, (25, 100, 250))


@pytest.mark.parametrize(
    "store",
    ["http://prometheus.monitoring:9090", "https://metrics.example/select/0/prometheus", "monitoring/prom:9090"],
)
def test_where_a_metrics_store_may_be(tmp_path: Path, store: str) -> None:
    """Outside, or a service of the cluster by namespace, name and port."""
    assert loaded(tmp_path, f"idle: {{prometheus: '{store}', shadow: 0d}}").rules().idle == Idle(
        prometheus=store, shadow_s=0
    )


def test_all_faults_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """A wrong shape in one section hides nothing in the others, and breeds no false faults about itself."""
    content = (
        "language: fr\napproval:\n  - gpu_types: [g5.xlarg]\n  - group: leeds\ncreate:\n  - max_nodes: 99\n"
        "groups:\n  leads: bob\nteams:\n  vision: [U0BOB]\nquotas: 3\nbudgets:\n  teams: {vison: 3}\nadmins: [U0BOB]\n"
    )
    found = faults(tmp_path, content)
    assert [line for line, _ in found] == [1, 3, 6, 8, 11, 13]


def test_a_user_group_may_hold_as_many_as_a_rule_asks_for(tmp_path: Path) -> None:
    """Its members are Slack's to know, so it is no fault."""
    held = loaded(tmp_path, "approvers: [S0LEADS]\napproval:\n  - approvals: 2")
    assert held.rules().approval[0].approvals == 2


def test_anchors_and_merges_are_yaml_like_any_other(tmp_path: Path) -> None:
    """An alias may stand in two places, and a merged mapping is no duplicate key."""
    content = "quotas:\n  user: &most {gpus: 4}\n  team: {<<: *most, clusters: 2}\n  all: *most"
    quotas = loaded(tmp_path, content).rules().quotas
    assert (quotas.team, quotas.everyone) == (Allowance(2, 4), Allowance(None, 4))


@pytest.mark.parametrize("content", ["- a list", "just words", "3"])
def test_a_file_without_fields_is_refused(tmp_path: Path, content: str) -> None:
    """It must hold a mapping."""
    with pytest.raises(ConfigError, match="must hold a mapping"):
        loaded(tmp_path, content)


def test_a_file_that_holds_itself_is_refused_and_not_followed(tmp_path: Path) -> None:
    """A mapping that contains itself by an alias ends in a fault, not in a recursion."""
    with pytest.raises(ConfigError):
        loaded(tmp_path, "groups: &g\n  leads: *g")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told as such."""
    path = tmp_path / "raygpu.yaml"
    path.write_bytes(b"language: \xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(path)
