"""The two dataflows; a score passes their modules in this order.

    scores
      highscores.source    polls every partition of `scores`; commits positions
        kafka.consumer       the one consumer that all partitions of a process share
      highscores.filter    drops a score that cannot improve its user's best
      highscores.rejects   writes what cannot be read to `scores-rejected`
      highscores.sink      restores each shard, folds its scores, writes what improves
        highscores.fold      what improves, and which scores were counted before (pure)
        kafka.producer       the writers: at least once, or exactly once
    high-scores
      top5.source          reads the table from its beginning, then on as it changes
        kafka.table          reading to the end while others write
      top5.steps           ranks each shard's users, merges the shards, paces the boards
        top5.ranking         the best of one shard (pure)
        top5.board           one board of all shards, and its date (pure)
      top5.sink            writes a board where it differs from the last
    top-5

All of them use `leaderboard`, the rules, and `wire`, the formats of the topics: both are pure.
`__main__` runs a flow as one process or several, and starts it again when it has ended.
`context` is what the sources and sinks of a process share; `process` sets it up, stops it and
fails loudly. `kafka.topics` creates and checks the topics, `kafka.topic_config` says how they must
be, `kafka.watch` sees that they stay, `kafka.partitioner` says which partition a user belongs
to. `topics`, `positions` and `rekey` are command lines; `command` is what they share.
"""
