"""A secured Kafka: TLS everywhere, SCRAM or certificates for each user, and ACLs.

Clients with a password use the main listener. The second one takes certificates (mTLS): the user is
the common name. Brokers use it among themselves, and so does what sets up users and rights.
"""

import json
import secrets
from collections.abc import Mapping
from os.path import relpath
from pathlib import Path

from conf.settings import Settings
from local import certificates, claims, rights
from local.broker import Node

SUPER_USER = "broker"
USERS = "users"  # the folder of their files


class Secured:
    """How the brokers with these data, on these hosts, are reached: see `broker.Access`."""

    def __init__(self, data: Path, hosts: tuple[str, ...] = ("localhost", claims.HOST)) -> None:
        self.folder = (data / USERS).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        certificates.make(self.folder, (SUPER_USER, *rights.USERS), hosts)

    def listeners(self, node: Node) -> dict[str, str]:
        """Return the properties of its listeners, and of who may do what."""
        store = {"keystore": self.folder / f"{SUPER_USER}.pem", "truststore": self._ca}
        clients = f"SASL_SSL://{node.address},SSL://{node.peers}"
        return {
            "listeners": f"{clients},CONTROLLER://{node.controller}",
            "advertised.listeners": clients,
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            **{f"ssl.{name}.type": "PEM" for name in store},
            # Java reads the file of properties as ISO 8859-1, and the path may have other letters.
            **{f"ssl.{name}.location": relpath(path, node.data) for name, path in store.items()},
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{SUPER_USER}",
        }

    def client(self, node: Node) -> dict[str, str]:
        """Return the properties of a client that may do everything."""
        return {"bootstrap.servers": node.peers, **self.with_certificate(SUPER_USER)}

    def with_certificate(self, user: str) -> dict[str, str]:
        """Return the properties of a client of the second listener."""
        own = str(self.folder / f"{user}.pem")
        return {
            "security.protocol": "ssl",
            "ssl.ca.location": str(self._ca),
            "ssl.certificate.location": own,
            "ssl.key.location": own,
        }

    def with_password(self, user: str) -> dict[str, str]:
        """Return the properties of a client of the main listener, without its password."""
        return {
            "security.protocol": "sasl_ssl",
            "ssl.ca.location": str(self._ca),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
        }

    def password_file(self, user: str) -> Path:
        """Return the file with the password of a user."""
        return self.folder / f"{user}.password"

    def set_up(self, client: Mapping[str, str], settings: Settings, address: str) -> None:
        """Create the users and their rights, and write `NAME.toml`, the settings of each.

        Raises:
            KafkaException: The broker refuses.
        """
        passwords = {user: self._password(user) for user in rights.USERS}
        rights.set_passwords(client, passwords)
        rights.grant(client, rights.rights(settings))
        for user, password in passwords.items():
            properties = {**self.with_password(user), "sasl.password": password}
            lines = [
                f'"{name}" = {json.dumps(value, ensure_ascii=False)}\n'
                for name, value in properties.items()
            ]
            text = "".join([f'bootstrap_servers = "{address}"\n\n[kafka]\n', *lines])
            certificates.write_private(self.folder / f"{user}.toml", text.encode())

    def _password(self, user: str) -> str:
        """Return the password of a user, which is made once."""
        path = self.password_file(user)
        if not path.exists():
            certificates.write_private(path, secrets.token_urlsafe(24).encode())
        return path.read_text()

    @property
    def _ca(self) -> Path:
        return self.folder / certificates.CA
