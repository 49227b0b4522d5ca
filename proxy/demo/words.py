"""What the demo says, in French and in English. The figures' names are the JSON's."""

from collections.abc import Mapping
from dataclasses import dataclass

from proxy.demo.story import Chapter
from sampling.replay import NotChecked


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    calls_placed: str
    chapters: Mapping[Chapter, str]
    title: str
    what: str
    how_many: str
    figures: Mapping[str, str]
    trials_title: str
    trial: str
    result: str
    trials: Mapping[str, str]
    verified: str
    findings: str
    surprises: str
    not_checked: str
    reasons: Mapping[NotChecked, str]
    next_title: str
    next_steps: Mapping[str, str]
    goes_on: str


FRENCH = Words(
    calls_placed="appels passés",
    chapters={
        Chapter.A_MONTH_AGO: "Il y a un mois : la moitié des appels est passée.",
        Chapter.FORGETTING: "Le temps passe : ce qui est échu est effacé.",
        Chapter.TODAY: "Aujourd'hui : les autres appels.",
        Chapter.REVEALING: "Maintenant : les tirages deviennent vérifiables par tous.",
    },
    title="La vie des appels (central simulé, voix de synthèse)",
    what="ce qui s'est passé",
    how_many="nombre",
    figures={
        "calls": "appels annoncés par le central",
        "drawn_skip": "non tirés au sort : jamais enregistrés",
        "drawn_record": "tirés au sort pour être enregistrés",
        "stored": "    enregistrés, puis scellés (chiffrés)",
        "objected": "    refusés par l'appelant (touche 9)",
        "failed": "    non enregistrés pour une autre raison (raccroché)",
        "refused_unsampled": "enregistrements non demandés, supprimés sans être lus",
        "purged_at_source": "copies supprimées chez le central, absence vérifiée",
        "swept": "enregistrements effacés à l'échéance, avec reçu",
        "kept": "enregistrements conservés en ce moment",
        "ledger_size": "inscriptions au registre",
    },
    trials_title="Ce que le central a fait de travers, exprès",
    trial="épreuve",
    result="résultat",
    trials={
        "forged": "appels signés par un faussaire, refusés",
        "duplicates": "appels annoncés deux fois, même réponse",
        "reported_twice": "enregistrements signalés deux fois, pris une fois",
        "failed_fetches": "pannes à la première lecture, reprises",
        "hung_up": "appelants qui raccrochent avant l'annonce",
        "refused": "appelants qui refusent pendant l'annonce",
        "unsolicited_reads": "lectures d'un enregistrement non demandé",
        "left": "enregistrements restés chez le central",
    },
    verified="Registre rejoué : chaque tirage révélé a été recalculé, aucun écart.",
    findings="Registre rejoué, écarts trouvés :",
    surprises="Inattendu :",
    not_checked="Non vérifiable à ce jour :",
    reasons={
        NotChecked.OPEN_EPOCHS: "tirages dont la graine est encore secrète",
        NotChecked.UNOPENED_SEEDS: "tirages dont la graine n'est pas la bonne",
        NotChecked.CLOSED_GATES: "appels de lignes exclues de tout tirage",
        NotChecked.OUTCOMES: "appels tirés encore sans issue",
        NotChecked.OTHER_LEAVES: "inscriptions d'une version ultérieure",
    },
    next_title="Pour continuer",
    next_steps={
        "doctor": "examiner l'installation",
        "sweep": "effacer ce qui est échu",
        "serve": "faire tourner le service (mesures : http://127.0.0.1:9464/metrics)",
        "auditor": "pour l'auditeur : la clé du registre, à garder hors de portée",
        "ground": "données (tout est scellé) et réglages",
    },
    goes_on="Un appel toutes les quelques secondes ; Ctrl-C pour terminer. Mesures :",
)

ENGLISH = Words(
    calls_placed="calls placed",
    chapters={
        Chapter.A_MONTH_AGO: "A month ago: half of the calls are placed.",
        Chapter.FORGETTING: "Time passes: what has expired is deleted.",
        Chapter.TODAY: "Today: the other calls.",
        Chapter.REVEALING: "Now: anyone can verify the draws.",
    },
    title="The life of the calls (simulated platform, synthetic voices)",
    what="what happened",
    how_many="count",
    figures={
        "calls": "calls the platform asked about",
        "drawn_skip": "not drawn: never recorded",
        "drawn_record": "drawn for recording",
        "stored": "    recorded, then sealed (encrypted)",
        "objected": "    refused by the caller (key 9)",
        "failed": "    not recorded for another reason (hung up)",
        "refused_unsampled": "recordings nobody asked for, deleted unread",
        "purged_at_source": "copies deleted at the platform, absence verified",
        "swept": "recordings deleted at their expiry, with a receipt",
        "kept": "recordings kept at the moment",
        "ledger_size": "entries in the ledger",
    },
    trials_title="What the platform did wrong, on purpose",
    trial="trial",
    result="result",
    trials={
        "forged": "calls signed by a forger, refused",
        "duplicates": "calls announced twice, same answer",
        "reported_twice": "recordings reported twice, taken once",
        "failed_fetches": "failures at the first fetch, tried again",
        "hung_up": "callers who hang up before the announcement",
        "refused": "callers who refuse during the announcement",
        "unsolicited_reads": "reads of a recording nobody asked for",
        "left": "recordings left at the platform",
    },
    verified="Ledger replayed: every revealed draw was recomputed, nothing differs.",
    findings="Ledger replayed, findings:",
    surprises="Unexpected:",
    not_checked="Cannot be checked as of today:",
    reasons={
        NotChecked.OPEN_EPOCHS: "draws whose seed is still secret",
        NotChecked.UNOPENED_SEEDS: "draws whose seed is not the committed one",
        NotChecked.CLOSED_GATES: "calls of lines that are excluded from all draws",
        NotChecked.OUTCOMES: "drawn calls without an outcome yet",
        NotChecked.OTHER_LEAVES: "entries of a later version",
    },
    next_title="Where to look next",
    next_steps={
        "doctor": "check the installation",
        "sweep": "delete what has expired",
        "serve": "run the service (metrics: http://127.0.0.1:9464/metrics)",
        "auditor": "for the auditor: the ledger's key, to keep out of reach",
        "ground": "data (all of it sealed) and settings",
    },
    goes_on="One call every few seconds; Ctrl-C to end. Metrics:",
)

LANGUAGES = {"fr": FRENCH, "en": ENGLISH}


def words_for(chosen: str | None, environment: Mapping[str, str]) -> Words:
    """The chosen language, or the one of LC_ALL, LC_MESSAGES or LANG."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environment[name] for name in names if environment.get(name)), "")
    return LANGUAGES[chosen or ("fr" if locale.startswith("fr") else "en")]
