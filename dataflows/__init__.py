"""The two dataflows and what they are made of, in the order in which a score passes.

    scores -> highscores -> high-scores -> top5 -> top-5

`leaderboard` has all the rules and `messages` all the wire formats, both pure. `topics` makes sure
of the topics, `watching` sees that they stay, `kafka` and `ends` read their partitions, `writers`
writes them, `broken` ends a flow loudly, `stopping` cleanly. `highscores` and `top5` are the flows:
`python -m bytewax.run dataflows.highscores`.
"""
