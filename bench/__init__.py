"""The benchmark: `python -m bench [full|quick|tiny] [PART…]`.

`plan` sets how much each of the `parts` measures:

    throughput   runs each of the `candidates` on a seeded `game`; `results` checks its output
                 candidates: our flow, bare `loops`, `naive`, `quix`, and Kafka Streams in `java/`
    latency      measures how long scores take; an `observer` process receives them
    restarts     kills flows, and measures until the next right output
    ranks        asks for places of a million users, ours and `redis`
    fanout       publishes boards; a `watchers` process counts what many clients receive

`facts` keeps the measurements. `report` writes them down with the `targets`, tables (`tables`),
plots (`pictures`, `plots`) and a model of growth (`growth`). `broker`, `topics`, `runs` and
`machine` serve all parts: fresh topics, reading and writing them, processes, and versions.
"""
