"""The web app without a broker: a test puts in what it shows."""

from quart import Quart

from conf.settings import Settings
from web.app import create_app


def brokerless(settings: Settings) -> Quart:
    """Make the app with its feeds, and without what fills them from Kafka."""
    app = create_app(settings.model_copy(update={"bootstrap_servers": "127.0.0.1:1"}))
    app.before_serving_funcs.clear()
    app.after_serving_funcs.clear()
    return app
