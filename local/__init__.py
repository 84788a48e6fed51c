"""All parts on one machine: a real Kafka without Docker or installed Java, and simulated players.

`jars` downloads Kafka, `broker` runs it, `cluster` runs several, `kafka` is its command line.
`security` lets in only the users of `rights`, with `certificates` or passwords. `hosts` spreads the
brokers over hosts that can be lost. `crowd` simulates players, `players` sends their scores.
`offsets` says how many there are. `demo` runs all parts of the Procfile, `reset` deletes its data.
`children` starts processes that end with their parent, `claims` locks folders and finds ports.
`supervisor` starts them again: the flows and the web app use it too.
"""
