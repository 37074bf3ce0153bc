"""What `--plan` shows: what would be built, step by step, and what it costs; nothing is done."""

from __future__ import annotations

from blocks import prices, steps
from blocks.elements import Block, context, section
from blocks.text import brief, count, span
from domain import lifecycle
from domain.money import Quote
from domain.spec import ClusterSpec


def plan(spec: ClusterSpec, quote: Quote) -> tuple[str, list[Block]]:
    """Fallback text and blocks."""
    usual = sum(step.usual_s for step in (steps.STEPS[kind] for kind in lifecycle.CREATE_ORDER))
    rate, whole = prices.hourly(quote), prices.total(quote, spec.ttl_s)
    text = f"Plan for {brief(spec.name, 40)}: {rate}, {whole} in {span(spec.ttl_s)}. Nothing was asked for."
    groups = [
        f"• node group {group.name}: {group.desired} × {brief(' or '.join(group.instance_types), 200)}, "
        f"{group.disk_gb} GB, {group.ami_type}"
        + (f", taint `{group.taints[0]}`" if group.taints else "")
        + (", Spot" if group.capacity_type == "SPOT" else "")
        for group in spec.groups
    ]
    calls = [
        f"• `eks:CreateCluster` in {brief(spec.region, 20)}: authentication mode API, STANDARD support",
        "• `eks:CreateAccessEntry` for raygpu and for you",
        "• `eks:CreateAddon` for vpc-cni, kube-proxy, coredns and the pod-identity agent",
        "• `eks:CreateNodegroup` twice, in parallel, the taint in the call",
        f"• device plugin: {_plugin(spec)}; {'a CUDA pod on every GPU node' if spec.smoke else 'no CUDA pod'}",
    ]
    facts = f"{count(spec.gpus, 'GPU')}, {span(spec.ttl_s)}, usually ready {steps.span_about(usual)} after approval."
    blocks = [
        section(f"*{text}*\n{facts}"),
        section("\n".join([*groups, *calls])),
        context("\n".join(prices.lines(quote))),
    ]
    return text, blocks


def _plugin(spec: ClusterSpec) -> str:
    lacking = [group.name for group in spec.gpu_groups if not group.brings_device_plugin]
    return f"server-side apply for {', '.join(lacking)}" if lacking else "the AMI brings it, none is installed"
