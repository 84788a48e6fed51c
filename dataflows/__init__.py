"""The two dataflows: their files in the order in which a score meets them.

From `scores` to `high-scores`, in the flow that highscores/ builds:

    highscores/starts.py    where each partition begins: its committed position, if it is trusted
    highscores/source.py    reads each partition from there on; decides when to commit a position
    kafka/consumer.py       polls for all partitions that a process reads
    highscores/group.py     reports other programs in the consumer group, ends an older flow
    highscores/filter.py    refuses what cannot be read, drops what cannot improve the user's bests
    highscores/nested.py    tells the filter what may improve: more than the best of the day
    highscores/late.py      reports how many scores came after their period was closed
    highscores/spread.py    reports users whose scores are in two partitions
    highscores/rejects.py   writes refused messages to `scores-rejected`
    highscores/sink.py      opens each shard, folds its scores, writes what improves
    highscores/restore.py   restores a shard from its partition of `high-scores`, on each board
    highscores/fold.py      applies them to the tables: what is better, new, and not late (pure)
    kafka/producer.py       writes records in transactions, or at least once; commits no positions

From `high-scores` to `top-5`, in the flow that top5/ builds:

    top5/published.py       reads from `top-5` the last boards, and which were written as final
    top5/source.py          reads the tables of all boards, then each change
    kafka/caught_up.py      reads partitions to their ends while others write
    kafka/table.py          decodes their messages to rows
    top5/steps.py           ranks each shard, merges the best, decides when a board is written
    top5/closed.py          decides whether every partition of `scores` is past a period
    top5/ranking.py         keeps the users of one shard in order (pure)
    top5/board.py           merges the best of the shards, and dates the board (pure)
    top5/sink.py            writes a board if it differs from the last one

What all of them use:

    leaderboard.py          the rules: scores, rows, boards, and their order (pure)
    periods.py              computes days, weeks, months, and the time at which each closes (pure)
    stream_time.py          how far the times of a partition's scores have come (pure)
    wire.py                 the formats of the topics: users, scores, origins, boards (pure)
    scores.py               reads scores in each format of the settings
    registry.py             reads those whose schemas are in a Schema Registry
    context.py              what the sources and sinks of one process share
    pace.py                 when something is due, by a clock that is never set back
    process.py              sets up the process, ends it at signals and failures
    cluster.py              the other processes of a cluster, and that they are awaited
    watchdog.py             ends a process whose cluster stands still
    progress.py             how far the restore and the catching up have come
    metrics.py              the metrics of the flows
    status.py               serves them, and whether the process is alive and ready
    kafka/topics.py         creates, checks and awaits the topics
    kafka/topic_config.py   how the topics must be configured (pure)
    kafka/rights.py         names a right that is missing
    kafka/watch.py          notices topics that change while a flow runs
    kafka/partitioner.py    the partition of a user (pure)

`python -m dataflows FLOW`, in __main__.py, runs a flow and restarts it when it has failed. The
commands topics.py, positions.py, rekey.py, rebuild.py and correct.py share command.py.
corrections.py says what a correction writes (pure).
"""
