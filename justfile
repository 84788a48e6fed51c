# List the recipes.
default:
    @just --list

# Run it all: a real Kafka, both flows, the page, and a simulated crowd.
[no-exit-message]
demo:
    @python -m local.demo

# Forget what the demo has kept: Kafka's data.
reset:
    rm -rf .local

# Run the tests, three at a time, each on a Kafka of its own; `-n 0` for one after the other.
test *arguments:
    pytest -n 3 --dist worksteal {{arguments}}

# Break things at random for some minutes, and check that nothing is lost.
chaos *arguments:
    python -m tests.pipeline.chaos {{arguments}}

# Measure it against bare loops and others: all in half an hour, `just bench quick` in two minutes.
bench *arguments:
    python -m bench {{arguments}}

# Look for known faults of the dependencies; needs PyPI's own database, which not every mirror has.
audit:
    mkdir -p .local
    uv export --quiet --no-dev --no-hashes --output-file .local/audited.txt
    uvx pip-audit --strict --no-deps --disable-pip --requirement .local/audited.txt

# Format everything.
format:
    ruff format
    ruff check --fix

# Check what CI checks before the tests.
check:
    ruff format --check
    ruff check
    mypy
