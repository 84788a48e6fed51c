"""What the numbers come from: `python -m bench [full|quick|tiny] [PART…]`.

`game` has seeded scores and what must come of them, `candidates` who is measured: bare `loops`, our
flow, and others that do the same, `naive`, `quix` and `java/`. `plan` says how much of each of the
`parts` is measured. `throughput` has each of the candidates run, `results` checks what it leaves,
`latency` has an `observer` see scores pass, `restarts` kills, `fanout` has `watchers` count what
reaches many clients. `facts` keeps what was found, `report` writes it down: against the `targets`,
with plots, and with how it will grow. `place`, `topics` and `runs` are Kafka and processes for all.
"""
