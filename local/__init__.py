"""All parts on one machine: a real Kafka without Docker or installed Java, and simulated players.

`jars` downloads Kafka, `broker` runs it, `kafka` is its command line. `crowd` simulates players,
`players` sends their scores. `demo` runs all parts of the Procfile, `reset` deletes its data.
`children` starts processes that end with their parent, `claims` locks folders and finds ports.
`supervisor` starts them again: the flows and the web app use it too.
"""
