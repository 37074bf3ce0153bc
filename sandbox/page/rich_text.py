"""rich_text blocks as safe HTML: sections, lists, quotes and preformatted text."""

from sandbox.page.dates import render_date
from sandbox.page.emoji import icon
from sandbox.page.mrkdwn import Reader, escaped
from sandbox.slack.model import Json

_STYLE_TAGS = (("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "code"))


def rich_text_html(block: Json, reader: Reader) -> str:
    """One rich_text block (or cell of a table)."""
    return "".join(_part(element, reader) for element in block["elements"])


def _part(element: Json, reader: Reader) -> str:
    kind = element["type"]
    inner = element["elements"]
    if kind == "rich_text_list":
        tag = "ol" if element.get("style") == "ordered" else "ul"
        items = "".join(f"<li>{_part(item, reader)}</li>" for item in inner)
        return f'<{tag} style="margin-left:{int(element.get("indent", 0)) * 16}px">{items}</{tag}>'
    text = "".join(_run(run, reader) for run in inner)
    if kind == "rich_text_preformatted":
        return f"<pre>{text}</pre>"
    text = text.replace("\n", "<br>")
    return f"<blockquote>{text}</blockquote>" if kind == "rich_text_quote" else f"<span>{text}</span>"


def _run(run: Json, reader: Reader) -> str:
    kind = run.get("type")
    text = _words(kind, run, reader)
    for style, tag in _STYLE_TAGS:
        if run.get("style", {}).get(style):
            text = f"<{tag}>{text}</{tag}>"
    return text


def _words(kind: str | None, run: Json, reader: Reader) -> str:
    if kind == "link":
        url = str(run.get("url", ""))
        if not url.startswith(("http://", "https://", "mailto:")):
            return escaped(str(run.get("text") or url))
        return f'<a href="{escaped(url)}" target="_blank" rel="noopener">{escaped(str(run.get("text") or url))}</a>'
    if kind == "emoji":
        return icon(str(run.get("name"))) or escaped(f":{run.get('name')}:")
    if kind == "date":
        shown = render_date(str(run.get("timestamp")), str(run.get("format")), str(run.get("fallback", "")), reader.tz)
        return escaped(shown)
    names = {"user": ("user_id", reader.user_name, "@"), "channel": ("channel_id", reader.channel_name, "#")}
    if kind in names:
        key, lookup, mark = names[kind]
        found = str(run.get(key))
        return f'<span class="mention">{mark}{escaped(lookup(found) or found)}</span>'
    return escaped(str(run.get("text", "")))
