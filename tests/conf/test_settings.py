"""Settings: the file says its defaults, the environment wins, and what is wrong is named."""

import os
import re
import subprocess
import sys
import tomllib
import traceback

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from conf import clients
from conf.__main__ import main
from conf.loading import DEFAULTS, check_web, load
from conf.settings import RESERVED, InvalidSettings


def lines():
    return [line for line in DEFAULTS.read_text().splitlines() if re.match(r"^\w+ = ", line)]


@pytest.mark.parametrize("line", lines())
def test_every_value_says_its_default_and_is_it(line):
    found = re.match(r"^\w+ = (.+?) *# (?:.*; )?default (.+)$", line)

    assert found, line
    assert tomllib.loads(f"x = {found[1]}") == tomllib.loads(f"x = {found[2]}")


def test_the_environment_goes_before_a_file_and_a_file_before_the_defaults(monkeypatch, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('group = "mine"\n[web]\nport = 1\n')
    monkeypatch.setenv("LEADERBOARD_SETTINGS", str(mine))
    monkeypatch.setenv("LEADERBOARD_WEB__PORT", "2")

    settings = load()

    assert (settings.group, settings.web.port, settings.web.host) == ("mine", 2, "127.0.0.1")


BAD = [
    ("BOOTSTRAP_SERVERS", "127.0.0.1:abc", "bootstrap_servers"),
    ("BOOTSTRAP_SERVERS", "a:1,,b:2", "bootstrap_servers"),
    ("BOOTSTRAP_SERVERS", "a:70000", "bootstrap_servers"),
    ("BOARDS", '["day"]', "boards"),
    ("BOARDS", '["all-time", "day", "day"]', "boards"),
    ("BOARDS", '["all-time", "year"]', "boards"),
    ("GROPU", "x", "LEADERBOARD_GROPU"),
    ("GUARANTEE", "maybe", "guarantee"),
    ("KAFKA", "[1]", "kafka"),
    ("KAFKA", "{", "LEADERBOARD_KAFKA"),
    ("KAFKA", '{"bootstrap.servers": "a:1"}', "bootstrap_servers"),
    ("KAFKA", '{"client.id": null}', "client.id"),
    ("KAFKA", '{"error_cb": "print"}', "error_cb"),
    ("KAFKA", '{"linger": {"ms": 5}}', '"linger.ms"'),
    ("KAFKA", '{"max.in.flight": 7}', "max.in.flight"),
    ("KAFKA", '{"no.such.property": 1}', "no.such.property"),
    ("KAFKA", '{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}', "sasl.username"),
    ("KAFKA", '{"security.protocol": "SSL", "ssl.ca.location": "/nowhere"}', "/nowhere"),
    ("KAFKA__DELIVERY_TIMEOUT_MS", "0", "delivery.timeout.ms"),
    ("KAFKA__DELIVERY_TIMEOUT_MS", "1m", "delivery.timeout.ms"),
    ("KAFKA__DELIVERY_TIMEOUT_MS", "2147483647", "transaction.timeout.ms"),
    ("KAFKA__LINGER_MS", "99999999", "kafka.linger.ms"),
    ("KAFKA__LINGER_MS", "soon", "linger.ms"),
    ("KAFKA__LOG_LEVEL", "99", "kafka.log_level"),
    ("KAFKA__TRANSACTION_TIMEOUT_MS", "9000", "it is the setting kafka.delivery.timeout.ms"),
    ("KAFKA__SASL_PASSWORD_FILE", "/nowhere", "kafka.sasl.password (LEADERBOARD_KAFKA__SASL"),
    ("LATE_HOURS", "-1", "late_hours"),
    ("LATE_HOURS", "nan", "late_hours"),
    ("ORDER", "best", "order"),
    ("SETTINGS", "/nowhere.toml", "/nowhere.toml"),
    ("WEB__PROT_FILE", "/dev/null", "web.prot"),
    ("SCHEMA_REGISTRY", "[1]", "schema_registry"),
    ("SCHEMA_REGISTRY__TIMEOUT", "2s", "timeout"),
    ("SCHEMA_REGISTRY__URL", "registry:8081", "schema_registry"),
    ("SCHEMA_REGISTRY__URL", "http://a:1,b:2", "schema_registry"),
    ("SCHEMA_REGISTRY__URL", "http://ann:x@a:1", "basic.auth.user.info"),
    ("STARTUP_TIMEOUT_SECONDS", "inf", "startup_timeout_seconds"),
    ("TIME_ZONE", "", "time_zone"),
    ("TIME_ZONE", "../UTC", "time_zone"),
    ("TIME_ZONE", "Mars/Olympus", "time_zone"),
    ("TOP5__SIZES", "3", "top5.sizes"),
    ("TOPICS__HIGH_SCORES__FORMAT", "int32", "high_scores.format int32"),
    ("TOPICS__HIGH_SCORES__NAME", "scores", "scores.name and high_scores.name"),
    ("TOPICS__SCORES__FIELD", "", "topics.scores.field"),
    ("TOPICS__SCORES__FORMAT", "avro", "schema_registry: url is missing"),
    ("TOPICS__SCORES__FORMAT", "xml", "topics.scores.format"),
    ("TOPICS__SCORES__NAME", "high-scores-day", "scores.name and high_scores_day.name"),
    ("TOPICS__SCORES__NAME", "..", "topics.scores.name"),
    ("TOPICS__SCORES__NAME", "no spaces", "topics.scores.name"),
    ("WEB__CERTIFICATE", "a.pem", "web.private_key"),
    ("WEB__CORS_ORIGINS", '"*"', "web.cors_origins"),
    ("WEB__CORS_ORIGINS", '["*", "https://a.org/"]', "'https://a.org/' is not an origin"),
    ("WEB__FRAME_ANCESTORS", '["a.org; script-src *"]', "web.frame_ancestors"),
    ("WEB__HOSTS", "[1]", "web.hosts"),
    ("WEB__HOSTS", "scores.example", "web.hosts"),
    ("WEB__PORT", "99999", "web.port"),
    ("WEB__PORT", "tcp://10.0.0.1:80", "web.port"),
    ("WEB__POST_ORIGINS", '["https://a.org"]', "web.post_origins"),
    ("WEB__POSTS_PER_SECOND", "nan", "web.posts_per_second"),
    ("WEB__PROT", "1", "web.prot"),
]


@pytest.mark.parametrize(("name", "value", "named"), BAD)
def test_what_is_wrong_is_named_in_one_line(monkeypatch, name, value, named):
    monkeypatch.setenv(f"LEADERBOARD_{name}", value)

    with pytest.raises(InvalidSettings) as raised:
        load()

    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("NO_SUCH", "1", "no.such"),
        ("BASIC_AUTH_USER_INFO", "geheim", "basic.auth.user.info"),
        ("SSL_CA_LOCATION", "/nowhere", "ssl.ca.location is '/nowhere'"),
    ],
)
def test_a_bad_property_of_the_schema_registry_is_named(monkeypatch, name, value, named):
    monkeypatch.setenv("LEADERBOARD_TOPICS__SCORES__FORMAT", "avro")
    monkeypatch.setenv("LEADERBOARD_SCHEMA_REGISTRY__URL", "http://127.0.0.1:1")
    monkeypatch.setenv(f"LEADERBOARD_SCHEMA_REGISTRY__{name}", value)

    with pytest.raises(InvalidSettings) as raised:
        load()

    assert named in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"[web\nport = 1\n", b"\xff", b"[web]\nprot = 1\n", b"web = 1\n"]
)
def test_a_bad_file_is_named_or_what_is_bad_in_it(monkeypatch, tmp_path, content):
    mine = tmp_path / "mine.toml"
    mine.write_bytes(content)
    monkeypatch.setenv("LEADERBOARD_SETTINGS", str(mine))

    with pytest.raises(InvalidSettings, match=r"mine\.toml|web") as raised:
        load()

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_what_correctness_rests_on_may_not_be_set(monkeypatch, name):
    monkeypatch.setenv("LEADERBOARD_KAFKA", f'{{"{name}": "1"}}')

    with pytest.raises(InvalidSettings, match=re.escape(name)):
        load()


@pytest.mark.parametrize("password", ["12345", "true", '{"a": 1}', "a__b", " ", "1e3", "päss"])
def test_a_password_of_the_environment_reaches_the_clients_as_it_is(monkeypatch, password):
    monkeypatch.setenv("LEADERBOARD_KAFKA__SASL_PASSWORD", password)

    for properties in (clients.client, clients.consumer, clients.producer):
        assert properties(load())["sasl.password"] == password


@pytest.mark.parametrize(("delivery", "socket"), [("5000", "5000"), ("60000", "15000")])
def test_no_request_of_a_producer_lasts_longer_than_a_delivery(monkeypatch, delivery, socket):
    monkeypatch.setenv("LEADERBOARD_KAFKA__DELIVERY_TIMEOUT_MS", delivery)

    assert clients.producer(load())["socket.timeout.ms"] == socket


@pytest.mark.parametrize(("delivery", "transaction"), [("500", "1000"), ("60000", "60000")])
def test_a_transaction_may_take_as_long_as_a_delivery_and_a_second_at_least(
    monkeypatch, delivery, transaction
):
    monkeypatch.setenv("LEADERBOARD_KAFKA__DELIVERY_TIMEOUT_MS", delivery)
    properties = clients.transactional(load(), "high-scores-0")

    assert properties["transactional.id"] == "leaderboard-high-scores-0"
    assert properties["transaction.timeout.ms"] == transaction


@pytest.mark.parametrize(("given", "linger"), [({}, "100"), ({"linger.ms": 5}, "5")])
def test_a_transaction_waits_for_its_messages_unless_the_settings_say_how_long(given, linger):
    settings = load().model_copy(update={"kafka": given})

    assert clients.transactional(settings, "high-scores-0")["linger.ms"] == linger


def test_pages_of_any_origin_may_read(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_WEB__CORS_ORIGINS", '["*", "https://a.org"]')

    assert load().web.cors_origins == ("*", "https://a.org")


def test_a_secret_may_be_in_a_file_of_its_own(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("päss word\n")
    monkeypatch.setenv("LEADERBOARD_KAFKA__SASL_PASSWORD_FILE", str(secret))
    monkeypatch.setenv("LEADERBOARD_WEB__TOKEN_FILE", str(secret))

    assert (load().kafka["sasl.password"], load().web.token) == ("päss word", "päss word")


@pytest.mark.parametrize(
    "name",
    [
        "WEB__CERTIFICATE",
        "WEB__PRIVATE_KEY",
        "KAFKA__SSL_KEY_LOCATION",
        "KAFKA__SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE",
        "SCHEMA_REGISTRY__SSL_KEY_LOCATION",
    ],
)
def test_a_path_is_not_read_as_a_file_with_the_value(monkeypatch, tmp_path, name):
    key = tmp_path / "key.pem"
    key.write_text("geheim")
    monkeypatch.setenv(f"LEADERBOARD_{name}_FILE", str(key))

    with pytest.raises(InvalidSettings, match="this setting is a path: leave out _FILE") as raised:
        load()

    assert f"(LEADERBOARD_{name}_FILE)" in str(raised.value)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    "name",
    [
        "BOOTSTRAP_SERVERS",
        "KAFKA__CLIENT_ID",
        "KAFKA__SECURITY_PROTOCOL",
        "KAFKA__SSL_KEY_LOCATION",
        "SCHEMA_REGISTRY__SSL_KEY_LOCATION",
        "TIME_ZONE",
        "WEB__PRIVATE_KEY",
        "WEB__TITLE",
    ],
)
def test_a_value_of_several_lines_is_refused_and_not_shown(monkeypatch, capsys, name):
    monkeypatch.setenv("LEADERBOARD_WEB__CERTIFICATE", "/certificate.pem")
    monkeypatch.setenv(f"LEADERBOARD_{name}", "-----BEGIN PRIVATE KEY-----\ngeheim\n")
    status = main([])
    printed = capsys.readouterr()

    assert (status, printed.out) == (1, "")
    assert "its value has several lines" in printed.err
    assert "geheim" not in printed.err


def test_an_item_of_several_lines_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_WEB__HOSTS", '["a", "b\\ngeheim"]')

    with pytest.raises(InvalidSettings, match=r"^setting web\.hosts: its value has several lines"):
        load()


def test_only_pem_has_several_lines(monkeypatch, tmp_path):
    trustme.CA().cert_pem.write_to_path(path := str(tmp_path / "ca.pem"))
    monkeypatch.setenv("LEADERBOARD_KAFKA__SSL_CA_PEM_FILE", path)

    assert str(load().kafka["ssl.ca.pem"]).count("\n") > 1


def test_a_secret_in_the_place_of_its_path_is_not_shown(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_WEB__TOKEN_FILE", "geheim")

    with pytest.raises(InvalidSettings, match=r"web\.token") as raised:
        load()

    assert "geheim" not in str(raised.value)


def test_a_property_of_librdkafka_that_is_a_path_is_not_taken_for_a_file_with_a_value(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_KAFKA__SASL_OAUTHBEARER_ASSERTION_FILE", "/a")
    monkeypatch.setenv("LEADERBOARD_KAFKA__SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE", "/b")

    assert load().kafka == {
        "sasl.oauthbearer.assertion.file": "/a",
        "sasl.oauthbearer.assertion.private.key.file": "/b",
    }


def test_a_property_of_the_environment_goes_before_the_same_of_a_file(monkeypatch, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('[kafka]\n"sasl.password" = "file"\n"linger.ms" = 0.5\n')
    monkeypatch.setenv("LEADERBOARD_SETTINGS", str(mine))
    monkeypatch.setenv("LEADERBOARD_KAFKA__SASL_PASSWORD", "environment")

    assert load().kafka == {"sasl.password": "environment", "linger.ms": 0.5}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LEADERBOARD_KAFKA", '{"sasl.password": ["geheim"]}'),
        ("LEADERBOARD_KAFKA", '{"sasl.password": "geheim", "no.such": 1}'),
        ("LEADERBOARD_KAFKA", '{"sasl.password": "geheim"'),
        ("LEADERBOARD_KAFKA__NO_SUCH", "geheim"),
        ("LEADERBOARD_KAFKA__SSL_KEYSTORE_PASSWORD", "geheim"),
        ("LEADERBOARD_KAFKA__SSL_KEY_PEM", "geheim"),
        ("LEADERBOARD_SCHEMA_REGISTRY", '{"url": "http://ann:geheim@a:1"}'),
        ("LEADERBOARD_SCHEMA_REGISTRY", '{"url": ["geheim"]}'),
        ("LEADERBOARD_WEB", '{"token": ["geheim"]}'),
        ("LEADERBOARD_WEB__TOKEN__X", "geheim"),
    ],
)
def test_no_secret_is_shown(monkeypatch, variable, value):
    monkeypatch.setenv("LEADERBOARD_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("LEADERBOARD_KAFKA__SSL_KEYSTORE_LOCATION", "/nowhere.p12")
    monkeypatch.setenv(variable, value)

    with pytest.raises(InvalidSettings) as raised:
        load()

    assert "geheim" not in "".join(traceback.format_exception(raised.value))


def test_settings_that_are_printed_show_no_secret(monkeypatch):
    monkeypatch.setenv("LEADERBOARD_KAFKA__SASL_PASSWORD", "geheim")
    monkeypatch.setenv("LEADERBOARD_WEB__TOKEN", "geheim")

    assert "geheim" not in repr(load())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LEADERBOARD_PORT", "tcp://10.0.0.1:80"),
        ("LEADERBOARD_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("LEADERBOARD_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("LEADERBOARD_PORT_80_TCP_PROTO", "tcp"),
        ("LEADERBOARD_SERVICE_HOST", "10.0.0.1"),
        ("LEADERBOARD_SERVICE_PORT", "80"),
        ("LEADERBOARD_WEB_PORT", "udp://10.0.0.1:80"),
        ("LEADERBOARD_WEB_SERVICE_PORT_HTTP_2", "80"),
    ],
)
def test_what_kubernetes_sets_for_a_service_is_passed_over(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)

    assert load().web.port == 8000


@pytest.mark.parametrize("variable", ["LEADERBOARD_PORT", "LEADERBOARD_WEB_PORT"])
def test_a_misspelt_port_is_not_taken_for_one_of_kubernetes(monkeypatch, variable):
    monkeypatch.setenv(variable, "80")

    with pytest.raises(InvalidSettings, match=variable):
        load()


@pytest.mark.parametrize(
    ("text", "brokers"),
    [
        ("a", [("a", 9092)]),
        ("a:1, b:2", [("a", 1), ("b", 2)]),
        ("SSL://a.b-c_d:65535,[::1]:9092", [("a.b-c_d", 65535), ("::1", 9092)]),
    ],
)
def test_brokers_are_hosts_with_or_without_a_port(monkeypatch, text, brokers):
    monkeypatch.setenv("LEADERBOARD_BOOTSTRAP_SERVERS", text)

    assert load().brokers == brokers


PROGRAMS = [
    "bytewax.run dataflows.highscores",
    "bytewax.run dataflows.top5",
    "conf",
    "dataflows highscores",
    "dataflows top5 --processes 2",
    "dataflows.correct show ann",
    "dataflows.positions",
    "dataflows.rebuild --yes",
    "dataflows.rekey",
    "dataflows.topics",
    "local.demo",
    "local.hosts",
    "local.kafka",
    "local.players",
    "web",
    "web --workers 2",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_ends_with_one_line_where_a_setting_is_bad(program):
    process = subprocess.run(
        [sys.executable, "-m", *program.split()],
        env={**os.environ, "LEADERBOARD_KAFKA__NO_SUCH": "1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert process.returncode == 1
    assert process.stdout + process.stderr == (
        'setting kafka.no.such: No such configuration property: "no.such"\n'
    )


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("host", "no.such.host.invalid", "web.host"),
        ("host", "a" * 70, "web.host"),
        ("certificate", "/nowhere.pem", "web.certificate"),
        ("private_key", "/nowhere.pem", "web.private_key"),
        ("private_key", str(DEFAULTS), "web.private_key"),
    ],
)
def test_a_bad_host_or_certificate_of_the_web_app_is_named(name, value, named):
    web = load().web.model_copy(update={"certificate": DEFAULTS, "private_key": DEFAULTS})

    with pytest.raises(InvalidSettings, match=named) as raised:
        check_web(web.model_copy(update={name: value}))

    assert "\n" not in str(raised.value)


def test_a_key_with_a_password_is_refused_and_the_password_not_asked_for(tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    locked = BestAvailableEncryption(b"geheim")
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    trustme.CA().cert_pem.write_to_path(certificate := str(tmp_path / "certificate.pem"))
    given = {"certificate": certificate, "private_key": str(path)}

    with pytest.raises(InvalidSettings, match=r"web\.certificate and web\.private_key"):
        check_web(load().web.model_copy(update=given))


def test_a_certificate_and_a_host_that_are_right_pass(tmp_path):
    own = trustme.CA().issue_cert("localhost")
    own.private_key_and_cert_chain_pem.write_to_path(path := str(tmp_path / "own.pem"))
    web = load().web.model_copy(update={"certificate": path, "private_key": path})

    check_web(web)
    check_web(web.model_copy(update={"host": "::"}))


SECRETS = (
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.password",
    "ssl.key.pem",
)


def test_all_settings_are_printed_with_their_sources_and_without_secrets(
    tmp_path, monkeypatch, capsys
):
    file = tmp_path / "my.toml"
    file.write_text('group = "mine"\n[web]\ntoken = "s3cret"\n')
    monkeypatch.setenv("LEADERBOARD_SETTINGS", str(file))
    monkeypatch.setenv("LEADERBOARD_WEB__PORT", "8080")
    monkeypatch.setenv("LEADERBOARD_KAFKA__SASL_USERNAME", "ann")
    monkeypatch.setenv("LEADERBOARD_SCHEMA_REGISTRY__BASIC_AUTH_USER_INFO", "ann:s3cret")
    for name in SECRETS:
        variable = f"LEADERBOARD_KAFKA__{name.replace('.', '_').upper()}"
        monkeypatch.setenv(variable, "principal=s3cret")
    status = main([])
    text = capsys.readouterr().out

    assert status == 0
    assert "s3cret" not in text
    assert f'group = "mine" # {file}\n' in text
    assert "web.port = 8080 # environment\n" in text
    assert 'order = "highest" # default\n' in text
    assert text.count('"***"') == len(SECRETS) + 2  # web.token, and that of the registry
    assert 'kafka."sasl.username" = "ann" # environment\n' in text
    assert 'kafka."sasl.password" = "***" # environment\n' in text
    assert 'schema_registry."basic.auth.user.info" = "***" # environment\n' in text
    assert tomllib.loads(text)["web"]["port"] == 8080


def test_bad_settings_are_named_instead_of_printed(monkeypatch, capsys):
    monkeypatch.setenv("LEADERBOARD_WEB__PORT", "x")

    assert main([]) == 1
    assert "setting web.port" in capsys.readouterr().err
