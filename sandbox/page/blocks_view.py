"""Block Kit as it looks in Slack: every block of a message, modal or Home tab, in the current container."""

from html import escape

from sandbox.page.dom import markup, tag
from sandbox.page.elements_view import Actor, ElementView
from sandbox.page.mrkdwn import Reader, plain_html, text_html
from sandbox.page.rich_text import rich_text_html
from sandbox.slack.gestures import Surface
from sandbox.slack.model import Json, View
from sandbox.slack.values import Place


class BlockView:
    """Draws the blocks of one surface for one reader."""

    def __init__(self, actor: Actor, surface: Surface, reader: Reader, user_id: str) -> None:
        self._surface = surface
        self._reader = reader
        self._elements = ElementView(actor, surface, reader, user_id)
        self._drawers = {
            "header": self._header,
            "section": self._section,
            "context": self._context,
            "divider": self._divider,
            "actions": self._actions,
            "image": self._image,
            "table": self._table,
            "rich_text": self._rich_text,
            "markdown": self._markdown,
            "input": self._input,
        }

    def draw(self, blocks: list[Json]) -> None:
        """All blocks in order."""
        for block in blocks:
            with tag("div", f"bk bk-{block['type']}", data_block_id=block["block_id"]):
                self.draw_inside(block)

    def draw_inside(self, block: Json) -> None:
        """One block, without a box around it."""
        self._drawers[block["type"]](block)

    def _html(self, text: Json) -> str:
        return text_html(text, self._reader)

    def _header(self, block: Json) -> None:
        markup(self._html(block["text"]), kind="h3")

    def _section(self, block: Json) -> None:
        with tag("div", "bk-section-text"):
            if block.get("text"):
                markup(self._html(block["text"]))
            if block.get("fields"):
                cells = "".join(f"<div>{self._html(field)}</div>" for field in block["fields"])
                markup(cells, "bk-fields")
        accessory = block.get("accessory")
        if accessory:
            with tag("div", "bk-accessory"):
                if accessory["type"] == "image":
                    markup(_image_html(accessory, "bk-thumb"))
                else:
                    self._elements.draw(Place(block, accessory))

    def _context(self, block: Json) -> None:
        parts = [
            _image_html(part, "bk-icon") if part["type"] == "image" else f"<span>{self._html(part)}</span>"
            for part in block["elements"]
        ]
        markup("".join(parts), "bk-context-row")

    def _divider(self, _block: Json) -> None:
        markup("", "bk-line", kind="hr")

    def _actions(self, block: Json) -> None:
        for element in block["elements"]:
            self._elements.draw(Place(block, element))

    def _image(self, block: Json) -> None:
        if block.get("title"):
            markup(self._html(block["title"]), "bk-hint")
        markup(_image_html(block, "bk-picture"))

    def _table(self, block: Json) -> None:
        settings = block.get("column_settings") or []
        rows = []
        for number, row in enumerate(block["rows"]):
            cell = "th" if number == 0 else "td"
            cells = []
            for column, content in enumerate(row):
                align = (settings[column] or {}).get("align", "left") if column < len(settings) else "left"
                cells.append(f'<{cell} style="text-align:{align}">{self._cell(content)}</{cell}>')
            rows.append(f"<tr>{''.join(cells)}</tr>")
        markup(f"<table>{''.join(rows)}</table>", "bk-table-box")

    def _cell(self, content: Json) -> str:
        if content["type"] == "rich_text":
            return rich_text_html(content, self._reader)
        return plain_html(str(content.get("text") or content.get("value", "")))

    def _rich_text(self, block: Json) -> None:
        markup(rich_text_html(block, self._reader))

    def _markdown(self, block: Json) -> None:
        markup(f"<pre>{escape(block['text'])}</pre>")

    def _input(self, block: Json) -> None:
        self.input_label(block)
        self.input_control(block)
        self.input_notes(block)

    def input_label(self, block: Json) -> None:
        """What stands above a field."""
        with tag("label", "bk-label"):
            markup(plain_html(block["label"]["text"]), kind="span")
            if block.get("optional"):
                tag("span", "bk-optional", text=" (optional)")

    def input_control(self, block: Json) -> None:
        """The field itself."""
        self._elements.draw(Place(block, block["element"]))

    def input_notes(self, block: Json) -> None:
        """What stands below a field: its error, its hint."""
        error = self._surface.errors.get(block["block_id"]) if isinstance(self._surface, View) else None
        if error:
            tag("div", "bk-error", text=error, testid=f"error-{block['block_id']}")
        if block.get("hint"):
            markup(plain_html(block["hint"]["text"]), "bk-hint")


def _image_html(image: Json, classes: str) -> str:
    """An image by URL, or by the id of a file in this workspace."""
    slack_file = image.get("slack_file") or {}
    source = image.get("image_url") or slack_file.get("url") or f"/files-pri/{slack_file.get('id', '')}/image"
    return f'<img class="{classes}" src="{escape(str(source))}" alt="{escape(image["alt_text"])}">'
