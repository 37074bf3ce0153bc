"""The sandbox's page: Slack as a person sees it, and the world beside it. `mount` serves it, `WorldPanel` feeds it.

Selectors for browser tests (`data-testid` unless said otherwise):

- `nav-C0RAYGPU`, `nav-dm`, `nav-home`, `user-switcher` (a select of user ids), `place-title`
- `messages` holds `message` articles (`data-ts`, `data-user`; class `ephemeral` or `reply`), each with `message-body`,
  and `edited` where it was edited
- every button, select and field by its `action_id`; several buttons of one action_id differ in `data-value`, blocks
  carry `data-block-id`; the options an external select offers are in `ACTION_ID-options`
- `composer` (Enter sends), `send`, `command-hint` with `hint-create`, `hint-list` and so on
- `modal` (`data-view`), `modal-submit`, `modal-cancel`, `modal-close`, `modal-banner`, `error-BLOCK_ID`
- `confirm`, `confirm-ok`, `confirm-cancel`; `notice`; `app-home`
- `world-panel`, `world-now`, `world-bill`, `bill-per-hour`, `bill-total`, `world-clusters`, `cluster-NAME`,
  `group-NAME`, `node`, `leftovers`, `world-empty`
- `workloads` with `workload-cluster`, `workload-kind`, `workload-where`, `workload-gpus`, `workload-minutes`,
  `workload-start`; each `workload` with its `workload-state` and `workload-stop-NAME`
- `upload`: a picture in a message
- `fault-select`, `fault-description`, `fault-param-NAME`, `fault-inject`
"""

from sandbox.page.mount import mount
from sandbox.page.world import WorldPanel

__all__ = ["WorldPanel", "mount"]
