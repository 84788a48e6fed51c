"""`python -m dataflows.highscores`: print the command that runs the flow."""

import sys

from dataflows.command import explain

if __name__ == "__main__":
    sys.exit(explain("highscores"))
