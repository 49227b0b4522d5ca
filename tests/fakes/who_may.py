"""Who may do what, written down a second time: a change of mind shows in two places."""

from proxy.access.permissions import Permission, Role

_EVERYBODY = set(Role)
_LOOKING = {Role.OPERATOR, Role.DPO, Role.AUDITOR}
_BOTH = {Role.OPERATOR, Role.DPO}
_LISTENING = {Role.DPO, Role.TRAINER, Role.RIGHTS_OFFICER, Role.AGENT}

ALLOWED: dict[Permission, set[Role]] = {
    Permission.ACCOUNT_OWN: _EVERYBODY,
    Permission.ACCOUNTS_READ: {Role.DPO, Role.ADMINISTRATOR},
    Permission.ACCOUNTS_WRITE: {Role.ADMINISTRATOR},
    Permission.ALERTS_DECIDE: {Role.DPO},
    Permission.ANALYSES_READ: {Role.DPO, Role.TRAINER, Role.AGENT},
    Permission.ANALYSES_WRITE: {Role.TRAINER},
    Permission.BREAK_GLASS_REVIEW: {Role.DPO},
    Permission.BREAK_GLASS_USE: {Role.DPO, Role.TRAINER, Role.RIGHTS_OFFICER},
    Permission.BREAKER_CLOSE: _BOTH,
    Permission.EVIDENCE_EXPORT: _LOOKING,
    Permission.GATES_READ: _LOOKING,
    Permission.GRANTS_READ: {Role.DPO, Role.ADMINISTRATOR},
    Permission.GRANTS_WRITE: {Role.DPO},
    Permission.HOLDS_WRITE: {Role.DPO},
    Permission.INCIDENTS_READ: _LOOKING,
    Permission.INCIDENTS_WRITE: _BOTH,
    Permission.KEYS_READ: _LOOKING,
    Permission.KEYS_ROTATE: _BOTH,
    Permission.MONITORS_DECIDE: {Role.DPO},
    Permission.MONITORS_READ: _LOOKING,
    Permission.OPT_OUTS_WRITE: _BOTH,
    Permission.POLICY_APPROVE: _BOTH,
    Permission.POLICY_DRAFT: {Role.OPERATOR},
    Permission.POLICY_PROPOSE: {Role.OPERATOR},
    Permission.POLICY_READ: _LOOKING,
    Permission.POLICY_RESUME: _BOTH,
    Permission.POLICY_STOP: _BOTH,
    Permission.RECONCILIATION_RUN: _BOTH,
    Permission.RECORDINGS_LIST: _LISTENING - {Role.RIGHTS_OFFICER},
    Permission.RECORDINGS_PLAY: _LISTENING,
    Permission.REQUESTS_HAND_OVER: {Role.DPO, Role.RIGHTS_OFFICER},
    Permission.REQUESTS_HANDLE: {Role.DPO, Role.RIGHTS_OFFICER},
    Permission.REQUESTS_READ: {Role.DPO, Role.RIGHTS_OFFICER},
    Permission.REVIEWS_SIGN: {Role.DPO},
    Permission.SIMULATION_RUN: _BOTH,
    Permission.TRACE_READ: {Role.DPO},
}
# Asked of somebody who signed in, and of no token and no key.
IN_PERSON = {
    Permission.ACCOUNT_OWN,
    Permission.BREAK_GLASS_USE,
    Permission.RECORDINGS_PLAY,
    Permission.REQUESTS_HAND_OVER,
}
# What a machine's key may be for, at most.
FOR_MACHINES = {
    Permission.GATES_READ,
    Permission.INCIDENTS_READ,
    Permission.KEYS_READ,
    Permission.MONITORS_READ,
    Permission.OPT_OUTS_WRITE,
    Permission.POLICY_DRAFT,
    Permission.POLICY_READ,
    Permission.POLICY_STOP,
    Permission.RECONCILIATION_RUN,
    Permission.SIMULATION_RUN,
}
# How far it goes, where it does not go for the whole site.
SCOPES: dict[tuple[Role, Permission], str] = {
    **{(role, Permission.ACCOUNT_OWN): "own reach" for role in Role},
    (Role.TRAINER, Permission.ANALYSES_READ): "own reach",
    (Role.TRAINER, Permission.ANALYSES_WRITE): "own reach",
    (Role.TRAINER, Permission.RECORDINGS_LIST): "own reach",
    (Role.TRAINER, Permission.RECORDINGS_PLAY): "own reach",
    (Role.AGENT, Permission.ANALYSES_READ): "own reach",
    (Role.AGENT, Permission.RECORDINGS_LIST): "own reach",
    (Role.AGENT, Permission.RECORDINGS_PLAY): "own reach",
    (Role.DPO, Permission.RECORDINGS_PLAY): "one item",
    # What was opened for a case is heard, by its id; it shows no list.
    (Role.RIGHTS_OFFICER, Permission.RECORDINGS_PLAY): "one item",
}
