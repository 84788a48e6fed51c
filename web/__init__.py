"""The web app: the board and the last scores live to every browser, and a score into `scores`.

    top-5  -> board  -\
                       relay -> broadcast -> streams -> server -> browsers
    scores -> latest -/
    scores <- post <- submission <-------------------------------- a browser or a program
    high-scores -> tail -> follower -> outcomes -----------------> what became of that score

`sse` (the wire), `ids` (of boards), `latest` (which scores are the last), `rates` (how fast they
come), `story` (how the leaders came about), `staleness`, `submission` (what may be posted),
`prefer` (how long one waits for its outcome) and `limits` (how much of it) are pure. `broadcast`
gives the latest of a stream to many and needs asyncio alone. `relay` keeps a thread at a topic,
whatever happens; `board` and `scores` are what two such threads do. `post` writes a score. `app`
has the routes, with `streams`, `top5`, `status` and `pages` beside it; `guard` and `gate` look at
who asks for what. `door` lets clients in; `connections` are Hypercorn's (`talk`) until a stream
takes one over; `server` has them all and ends them. `__main__` owns the signals, and `workers`
keeps several such processes.
"""
