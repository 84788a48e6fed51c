"""The whole on one machine: a real Kafka without Docker or an installed Java, and a crowd to play.

`jars` fetches Kafka, `kafka` runs it, `players` plays on it, `demo` runs all parts of the Procfile;
`children` starts the processes of both so that none is left behind.
"""
