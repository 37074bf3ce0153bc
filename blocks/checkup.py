"""What the doctor found, and what stands in AWS without a record: answers that only an administrator sees."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.elements import Block, Part, context, fitted, sections
from blocks.text import brief, code, moment, person, sentence
from blocks.tongue import in_tongue, t
from domain.adoption import Orphan, Sweep
from domain.doctor import Finding
from domain.naming import TAG_ID, TAG_OWNER

GREEN, RED, UNSEEN = "✓", "✗", "?"
MESSAGE = 900
MOST_ORPHANS = 40


def findings(found: Sequence[Finding]) -> tuple[str, list[Block]]:
    """Fallback text and blocks: what is red first, then what could not be seen, then what is well."""
    title = summary(found)
    lines = [_finding(one) for ok in (False, None, True) for one in found if one.ok is ok]
    parts = [Part(0, tuple(sections([f"*{title}*"])))]
    parts += [Part(number, (piece,)) for number, piece in enumerate(sections(lines), 1)]
    return title, fitted(parts, t("Left out for Slack's limit: the end. `raygpu doctor` on a terminal shows all."))


def summary(found: Sequence[Finding]) -> str:
    """How it stands, in a sentence."""
    red, unseen = sum(one.ok is False for one in found), sum(one.ok is None for one in found)
    if red and unseen:
        return t("The doctor finds {red} to mend, and could not see {unseen}.", red=red, unseen=unseen)
    if red:
        return t("The doctor finds {red} to mend.", red=red)
    if unseen:
        return t("The doctor finds nothing to mend, and could not see {unseen}.", unseen=unseen)
    return t("The doctor finds nothing to mend: all is well.")


def mark(finding: Finding) -> str:
    """One sign for green, red and unseen."""
    return {True: GREEN, False: RED, None: UNSEEN}[finding.ok]


def _finding(finding: Finding) -> str:
    told = sentence(_cut(in_tongue(finding.message)))
    line = f"{mark(finding)} *{brief(in_tongue(finding.name), 80)}* · {told}"
    return f"{line}\n      → {sentence(_cut(in_tongue(finding.fix)))}" if finding.fix else line


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE else f"{text[: MESSAGE - 1]}…"


def orphans(sweep: Sweep) -> tuple[str, list[Block]]:
    """Fallback text and blocks. A region that could not be read is named, whatever was found elsewhere."""
    title = _title(sweep)
    parts = [Part(0, tuple(sections([f"*{title}*"])))]
    if sweep.unread:
        regions = brief(", ".join(sweep.unread), 400)
        parts.append(Part(0, tuple(sections([t("? Not read, so nothing is known of it: {regions}", regions=regions)]))))
    lines = [_orphan(one) for one in sweep.orphans[:MOST_ORPHANS]]
    if len(sweep.orphans) > MOST_ORPHANS:
        lines.append(t("and {number} more", number=len(sweep.orphans) - MOST_ORPHANS))
    parts += [Part(number, (piece,)) for number, piece in enumerate(sections(lines), 1)]
    if sweep.missing:
        names = brief(", ".join(sweep.missing), 1000)
        words = t("Records that say they stand, and which AWS does not have: {names}", names=names)
        parts.append(Part(1, tuple(sections([f"{RED} {words}"]))))
    if sweep.orphans:
        way = t("`/raygpu admin adopt ID` makes a record of one again; nothing was changed in AWS.")
        parts.append(Part(0, (context(way),)))
    return title, fitted(parts, t("Left out for Slack's limit: the end of the list."))


def _title(sweep: Sweep) -> str:
    if len(sweep.orphans) == 1:
        return t("One cluster stands in AWS that no record knows.")
    if sweep.orphans:
        return t("{count} clusters stand in AWS that no record knows.", count=len(sweep.orphans))
    if sweep.unread:
        return t("No cluster without a record, where AWS could be read.")
    return t("Every cluster of raygpu's in AWS has its record.")


def _orphan(orphan: Orphan) -> str:
    plane = orphan.plane
    facts = [f"{RED} `{code(plane.name)}`", brief(plane.region, 20), brief(plane.status, 20)]
    owner, tagged = plane.tags.get(TAG_OWNER, ""), plane.tags.get(TAG_ID, "")
    if owner:
        facts.append(person(owner))
    if plane.created_at:
        facts.append(t("since {when}", when=moment(plane.created_at)))
    if tagged:
        facts.append(t("id {id}", id=f"`{code(tagged)}`"))
    return f"{' · '.join(facts)}\n      {sentence(_cut(in_tongue(orphan.why)))}"
