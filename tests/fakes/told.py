"""A site that tells its callers something: settings, and a policy to go with them."""

from datetime import date

from proxy.letters.facts import Desk
from proxy.policy_document import PolicyPart
from proxy.rights.notices.telling import NoticeConfig
from retention.periods import AnalysisTerms
from sampling.gates import Line
from tests.fakes.legal import LAWFUL_BASIS

TODAY = date(2026, 11, 18)
PAGE = "https://durand.example/console/notice/clinic"
CONFIG = NoticeConfig(
    desk=Desk(
        controller="Accueil Durand",
        contact="12 rue des Lilas, 69001 Lyon",
        dpo_contact="dpo@durand.example",
    ),
    lines={"+33411000000": Line(group="cardio", basis=LAWFUL_BASIS, practice="lilas")},
    analyses=AnalysisTerms(kept_days=170, recording_days=6),
    keeps_opt_outs=True,
    page=PAGE,
)


def policy(**changes):
    written = {"rate": "1%", "starts_on": date(2026, 11, 17), "kept_days": 45}
    return PolicyPart.model_validate(written | changes).to_policy(1)
