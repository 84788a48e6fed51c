"""The web app: the board and the last scores for every browser, and posted scores into Kafka.

A client of a stream, from the connection to the first event:

    server/accept.py       accepts the connection, or closes it beyond the limits
    server/certificate.py  has the certificate for it, and reads renewed files
    server/server.py       lets Hypercorn (server/hypercorn.py) serve its requests
    access/asking.py       reads the client's address and the host it asked for from the headers
    access/forwarded.py    finds both behind proxies
    access/requests.py     refuses a request that is too large or for another host
    routes/streams.py      refuses one stream too many, sends the state, adds the client to the hub

A board, from `top-5` to the socket:

    kafka/reader.py        keeps a thread reading, and restarts it after a failure
    kafka/boards.py        polls `top-5` (kafka/client.py), all of it or from ten minutes ago on,
                           and decodes the board
    threads.py             hands boards from that thread to the event loop, the newest alone
    live/pace.py           delays a board if another was sent just before, or the loop is late
    live/feeds.py          asks for the board to be sent
    live/board.py          keeps the boards of the last periods, publishes that of the current one
    live/sized.py          leaves out rows that no client could take in one event
    live/sse.py            encodes the event
    live/hub.py            sends it to every client; a slow one skips events, a stalled one is cut
    server/handover.py     writes it to the socket of a client on HTTP/1.1
    live/subscribers.py    passes it to the generator of any other client

The last scores and their rate pass kafka/scores.py, live/recent.py and live/rate.py instead.

A posted score, from the request (checked like that of a stream) to its outcome:

    routes/scores.py       takes these steps, refuses by origin, rate, token; answers
    access/origin.py       recognises posts that another site made a browser send
    access/limits.py       limits the posts of each client; also its streams and connections
    posting/submission.py  parses the body, or refuses its user, score or type
    posting/waiting.py     watches the user, if the client waits for the outcome
    kafka/producer.py      writes the score to `scores`, and waits for the acknowledgement
    kafka/outcomes.py      finds what `high-scores` and the position of the flow prove of it
    kafka/records.py       the receipt of a score, and a message of `high-scores` (pure)
    posting/outcome.py     compares both: top, best, counted or received

A user's rank, from messages of `high-scores`, or of the table topic of another board:

    kafka/table.py         reads them, all the time
    ranks/rankings.py      has the users of each open period of each board
    ranks/ranking.py       keeps those of one period in order, and computes ranks
    ranks/documents.py     makes the JSON: a user, a page of a board, some users
    routes/ranks.py        answers with it
    ranks/watches.py       sends it to clients of `/live` that watch a user

Around them, `__main__` starts a process or several (server/workers.py), app.py connects the routes
with what services.py starts and stops, metrics.py counts, and shared_metrics.py shows what other
workers have counted. kafka/progress.py and live/freshness.py tell when the board is stale,
kafka/flow.py when the flow counts nothing, live/lateness.py how late the event loop is.
live/history.py keeps the last ten minutes for a client that connects. routes/board.py answers
clients that poll, for the board and the period that routes/asked.py finds, routes/users.py removes
a user, routes/operations.py operators, and access/cors.py lets pages of other origins read.
routes/page.py renders the page, files.py has its files, texts.py its texts. access/refusals.py and
kafka/unreadable.py count and log what is refused or cannot be read. routes/answers.py answers with
ranks or an error. names.py normalizes names, clock.py has the time.
"""
