"""Words that need no line in the glossary: those of the field, and plain ones that mean what they say.

A word that is in neither and not in the glossary of `worker/README.md` fails `tests/unit/test_house.py`. It belongs in
the glossary where this project means something of its own by it; here only where every engineer of the field knows it.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MESSAGING: Final = _words(
    "acknowledge acknowledgement backlog batch broker budget byte channel confirm consumer consumption container "
    "dead death delivery envelope exchange frame header intake letter message outbox pattern properties publisher "
    "queue rabbit replies route topology undeliverable"
)
STORAGE: Final = _words(
    "incoming index lock migration operator outdated outgoing postgres record row schema sqlite standby statement "
    "storable storage store writer"
)
NETWORK: Final = _words(
    "address call connect connection context credential garbage gateway guard html http link listening login "
    "pong port request secret server socket stream tls user web zip"
)
PROGRAMS: Final = _words(
    "clock configuration control copy data dev directory entity error fault field file filter health hook limit "
    "metric mounted operation option page parameter pausable pause private process progress provision redactor "
    "remote sample scheduler service setting signal span stamp state system terminal text timing trace type vendor "
    "watch worker"
)
INVOICING: Final = _words(
    "archive book dialogue discount download entry invoice issue item ledger line order pdf qr query scan seller "
    "total year"
)
TERMS: Final = MESSAGING | STORAGE | NETWORK | PROGRAMS | INVOICING

PLAIN: Final = _words(
    "absence account admit after again ambiguous answer arm ask at await bad begin behaviour bound busy candidate "
    "cannot case change close code comparison complete condition count cut date decision demo desk details diagnosis "
    "difference disconnect drain drawn due echo encodable end expire fail failure faulty fetch fit forget forward "
    "found go grade heard held hint home house ignore in info inquiry insecurity insist interruption is judge keep "
    "kept kind large late likeness list loose lost may meaning member mine missing monthly name need new next no not "
    "nothing numbered of on open origin other out outcome overtaken owner part permanent phase pick possible prove "
    "proved prover prune question raw read reason receive recover refusal refuse reject rejection require resolvable "
    "result retry rewrite rights rule said say see selection send settle several shelf show shown situation space "
    "speech "
    "stage standing step stop submit succeed sum supervise tell that there to told too transient twin unavailable "
    "unconfirmed unknown unpack unreachable unreadable untold upkeep ups verdict wait walk want warn weight who wish "
    "with"
)
"""Said of anything: what is done, how something is, what kind of thing it is."""
