"""What somebody may reach, in the words of the vault: the other half of `permits`.

`permits` decides on one recording; a list must not be read and then thinned out, so the
same is said here as what the database is to look for. A test holds them together.
"""

from proxy.access.permissions import Actor, Grant, Permission, Role, Subject, permits
from proxy.vault.reach import EVERYTHING, Opening, Reach

# A DPO sees what there is without a grant, to open one for a case; never hears it so.
_SEEN_BY_A_DPO = frozenset({Permission.ANALYSES_READ, Permission.RECORDINGS_LIST})


def reach_of(actor: Actor, permission: Permission) -> Reach:
    """Everything the actor may do this to; nothing where their role may not at all."""
    if not permits(actor, permission, Subject(actor.site)):
        return ()
    if actor.role is Role.DPO and permission in _SEEN_BY_A_DPO:
        return EVERYTHING
    counting = (grant for grant in actor.grants if grant.counts_for(permission))
    granted = tuple(_opening(grant) for grant in counting)
    if actor.role is Role.AGENT and actor.agent_key is not None:
        return (*granted, Opening(agent_key=actor.agent_key))
    return granted


def _opening(grant: Grant) -> Opening:
    return Opening(
        practice=grant.practice,
        campaign=grant.campaign,
        recording_id=grant.recording_id,
    )
