"""The whole on one machine: a real Kafka without Docker or an installed Java, and a crowd to play.

`jars` fetches Kafka, `kafka` runs it, `players` plays on it, `demo` runs all parts of the Procfile,
`reset` deletes what it has kept. `children` starts processes so that none is left behind,
`supervisor` also starts them again: the flows and the web app use it too.
"""
