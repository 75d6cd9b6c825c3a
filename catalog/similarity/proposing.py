"""Families that the weights propose: adapters of one base model and one layout that began at the same A.

Adapters of one start compress better together than others (Compress then Serve, and its replications): the hub
groups by it first.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from django.db.models import F
from numpy.typing import NDArray

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel
from catalog.errors import InvalidInput
from catalog.names import fold
from catalog.similarity.models import Fingerprint
from catalog.similarity.near import SAME_START_COSINE
from kernels.similarity.codes import all_cosines
from kernels.similarity.grouping import joined
from kernels.similarity.sketching import SKETCH_VERSION

MOST_CONSIDERED = 2000
"""Adapters that are compared all with all; the newest of them."""


@dataclass(frozen=True)
class Proposal:
    """Adapters that share their initial A, the largest group first; means are of the cosines of all pairs."""

    members: list[Revision]
    mean_initial_a: float
    mean_update: float
    modules: int

    @property
    def ranks(self) -> list[int]:
        """Ranks that occur, ascending."""
        return sorted({revision.rank for revision in self.members if revision.rank is not None})

    @property
    def namespaces(self) -> list[str]:
        """Whose they are: the people of each decide whether theirs enter a shared basis."""
        return sorted({revision.adapter.namespace.name for revision in self.members})


@dataclass(frozen=True)
class Proposals:
    """What came of looking at ``considered`` adapters; ``is_whole``: these are all; ``alone``: in no group."""

    considered: int
    is_whole: bool
    alone: int
    proposals: list[Proposal]


def propose_families(actor: Actor, base_model: BaseModel, *, namespace: str = "", least_members: int = 2) -> Proposals:
    """Groups among the default versions that ``actor`` may see; only those of ``namespace`` where one is named.

    Raises:
        InvalidInput: ``least_members`` below 2.
    """
    if least_members < 2:
        raise InvalidInput(detail=f"least_members is {least_members}; a family has 2 at least", field="least_members")
    rows = _fingerprints(actor, base_model, namespace)
    layouts: dict[str, list[Fingerprint]] = defaultdict(list)
    for row in rows[:MOST_CONSIDERED]:
        layouts[row.layout].append(row)
    found = [proposal for alike in layouts.values() for proposal in _groups(alike, least_members)]
    found.sort(key=lambda proposal: (-len(proposal.members), -proposal.mean_initial_a))
    considered = min(len(rows), MOST_CONSIDERED)
    alone = considered - sum(len(proposal.members) for proposal in found)
    return Proposals(considered, len(rows) <= MOST_CONSIDERED, alone, found)


def _fingerprints(actor: Actor, base_model: BaseModel, namespace: str) -> list[Fingerprint]:
    # What a family cannot hold is left out: more than pairs, or pairs that say nothing.
    usable = Fingerprint.objects.filter(version=SKETCH_VERSION, is_partial=False).exclude(initial_a_code=b"")
    found = usable.filter(
        revision__in=Revision.objects.visible_to(actor).values("pk"),
        revision__base_model=base_model,
        revision__manifest__isnull=True,
        revision__adapter__default_version=F("revision__version"),
    )
    if namespace:
        found = found.filter(revision__adapter__namespace__folded=fold(namespace))
    related = ("revision__adapter__namespace", "revision__version")
    newest_first = found.select_related(*related).defer("revision__facts", "revision__card", "revision__report")
    return list(newest_first.order_by("-revision_id")[: MOST_CONSIDERED + 1])


def _groups(alike: list[Fingerprint], least_members: int) -> list[Proposal]:
    starts = all_cosines([bytes(row.initial_a_code) for row in alike])
    pairs = np.argwhere(np.triu(starts >= SAME_START_COSINE, 1)).tolist()
    groups = [group for group in joined(len(alike), [(a, b) for a, b in pairs]) if len(group) >= least_members]
    proposals = []
    for group in groups:
        updates = all_cosines([bytes(alike[place].update_code) for place in group])
        members = sorted((alike[place].revision for place in group), key=lambda revision: revision.adapter.full_name)
        start = _mean_of_pairs(starts[np.ix_(group, group)])
        proposals.append(Proposal(members, start, _mean_of_pairs(updates), alike[group[0]].modules))
    return proposals


def _mean_of_pairs(cosines: NDArray[np.float64]) -> float:
    """Mean above the diagonal."""
    return float(cosines[np.triu_indices(len(cosines), 1)].mean())
