"""What the README's numbers come from: `python -m bench`, or `python -m bench quick`.

`game` makes seeded scores and knows what must come out. `loops` and `naive` are what we are
measured against, `runs` starts candidates and measures them from outside, `latency` and `restarts`
measure what their names say, `fanout` has `watchers` count what reaches many clients, `report`
writes it all down, with the machine it ran on.
"""
