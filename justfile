# List the recipes.
default:
    @just --list

# Arguments reach the programs as they were quoted.
set positional-arguments

# Run it all: a real Kafka, both flows, the page, and a simulated crowd; `--verbose` prints every log line.
[no-exit-message]
demo *arguments:
    @python -m local.demo "$@"

# Forget what the demo has kept: Kafka's data. It must have ended.
[no-exit-message]
reset:
    @python -m local.reset

# Run the tests: with `quick` those that need neither Kafka nor a browser, with `-m long` the longest; arguments go to pytest.
test *arguments:
    @python -m tests "$@"

# Break things at random for some minutes, and check that nothing is lost.
chaos *arguments:
    python -m tests.pipeline.chaos "$@"

# Measure it against bare loops and others: all in most of an hour, `just bench quick` in about three minutes.
bench *arguments:
    python -m bench "$@"

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
