"""Puts the page at the root of the sandbox's server."""

from pathlib import Path

from fastapi import FastAPI, Request
from nicegui import app as nicegui_app
from nicegui import ui

from sandbox.page.desk import Desk
from sandbox.page.world import WorldPanel
from sandbox.slack import SlackSandbox

STYLE = Path(__file__).parent / "page.css"


def mount(app: FastAPI, slack: SlackSandbox, world: WorldPanel) -> None:
    """Serve the page at `/` of this app.

    Call it last: NiceGUI takes every path that no earlier route has; one page runs per process at a time.
    `?user=U0BOB` chooses who the tab acts as (Alice by default), `&place=home` or a channel id where it starts.
    """

    @ui.page("/", title="raygpu sandbox", favicon="⚡")
    def page(request: Request, user: str = "", place: str = "") -> None:
        slack.learn_base_url(str(request.base_url))
        ui.add_css(STYLE)
        first, *others = slack.state.people()
        Desk(slack, world, next((person for person in others if person.id == user), first), place)

    nicegui_app.middleware_stack = None  # another server of this process (a test's) may have built it already
    ui.run_with(app, title="raygpu sandbox", tailwind=False, show_welcome_message=False)
