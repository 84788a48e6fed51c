"""A secured Kafka that cannot be set up says so in a line."""

import contextlib

import pytest
from confluent_kafka import KafkaError, KafkaException

from conf.loading import load
from local import children, hosts, kafka


@contextlib.contextmanager
def refusing(*_):
    raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "not for you"))
    yield


@pytest.mark.parametrize("program", [kafka, hosts])
def test_a_broker_that_refuses_users_and_rights_is_told_in_a_line(
    program, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(children, "exit_on_signals", lambda: None)
    monkeypatch.setattr(program, "start", lambda _: load())
    monkeypatch.setattr(program, "planned", refusing)
    status = program.main(["--data", str(tmp_path)])

    assert status == 1
    assert capsys.readouterr().err == "Kafka: not for you\n"
