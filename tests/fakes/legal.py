"""A line group's references as the law wants them, all in force in November 2026."""

from datetime import date

from sampling.legal import LegalBasis, Reference

SINCE = date(2026, 9, 1)
LAWFUL_BASIS = LegalBasis(
    article_6=Reference("register 4", SINCE, "dpo", kind="6-1-f"),
    balancing_test=Reference("LIA 2", SINCE, "dpo"),
    article_9=Reference("register 4", SINCE, "dpo", kind="9-2-a"),
    practice_authorisation=Reference("contract 12", SINCE, "dpo"),
    dpia=Reference("DPIA 3", SINCE, "dpo"),
    dpo_opinion=Reference("opinion 3", SINCE, "dpo"),
    staff_information=Reference("minutes 7", SINCE, "hr", kind="cse"),
    hosting=Reference("HDS 123", SINCE, "dpo", date(2028, 12, 31), "hds"),
)
