"""The few calls of STS, CloudWatch Logs and load balancing that raygpu makes, for the door without a wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.world.call import Call, Handler
from sandbox.world.errors import AwsError
from sandbox.world.network import MemoryNetwork

if TYPE_CHECKING:
    from sandbox.world.world import World


def get_caller_identity(world: World, call: Call) -> dict[str, Any]:
    """STS GetCallerIdentity."""
    return {"Arn": call.caller, "Account": world.account, "UserId": "AIDAEXAMPLE"}


def describe_log_groups(world: World, call: Call) -> dict[str, Any]:
    """CloudWatch Logs DescribeLogGroups by prefix."""
    network = world.network
    names = sorted(network.log_groups) if isinstance(network, MemoryNetwork) else []
    prefix = call.get("logGroupNamePrefix", "")
    return {"logGroups": [{"logGroupName": n} for r, n in names if r == call.region and n.startswith(prefix)]}


def delete_log_group(world: World, call: Call) -> dict[str, Any]:
    """CloudWatch Logs DeleteLogGroup."""
    name, network = call.params["logGroupName"], world.network
    if not isinstance(network, MemoryNetwork) or (call.region, name) not in network.log_groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.", 400)
    network.log_groups.discard((call.region, name))
    world.remains.forget(call.region, name)
    return {}


def no_load_balancers(_world: World, _call: Call) -> dict[str, Any]:
    """Elastic Load Balancing v2 DescribeLoadBalancers: this world builds none."""
    return {"LoadBalancers": []}


def no_classic_load_balancers(_world: World, _call: Call) -> dict[str, Any]:
    """Elastic Load Balancing (classic) DescribeLoadBalancers: this world builds none."""
    return {"LoadBalancerDescriptions": []}


def no_stack(_world: World, call: Call) -> dict[str, Any]:
    """CloudFormation DescribeStacks: the foundation of this door is given, not built by a stack."""
    raise AwsError("ValidationError", f"Stack with id {call.get('StackName', '')} does not exist", 400)


STS: dict[str, Handler] = {"GetCallerIdentity": get_caller_identity}
LOGS: dict[str, Handler] = {"DescribeLogGroups": describe_log_groups, "DeleteLogGroup": delete_log_group}
ELBV2: dict[str, Handler] = {"DescribeLoadBalancers": no_load_balancers}
ELB: dict[str, Handler] = {"DescribeLoadBalancers": no_classic_load_balancers}
CLOUDFORMATION: dict[str, Handler] = {"DescribeStacks": no_stack}
