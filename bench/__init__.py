"""The benchmark: `python -m bench [full|quick|tiny] [PART…]`.

`plan` sets how much each of the `parts` measures:

    throughput   runs each of the `candidates` on a seeded `game`; `results` checks its output, with
                 the bests of `periods` that of the boards by period
                 candidates: our flow, bare `loops`, `naive`, `quix`, and Kafka Streams in `java/`
    latency      measures how long scores take; an `observer` process receives them
    restarts     kills flows, and measures until the next right output
    ranks        asks for ranks of a million `users`: `rankings` in a process, through HTTP by
                 `asking`, and a `sorted_set` of `redis`
    fanout       publishes boards; a `watchers` process counts what many clients receive

`facts` keeps the measurements. `report` writes them down with the `targets`, tables (`tables`),
plots (`pictures`, `plots`) and a model of growth (`growth`). These serve all parts: `broker` has
fresh topics, `sending` and `topics` write and read them, `runs` and `web` run processes, `machine`
has the versions.
"""
