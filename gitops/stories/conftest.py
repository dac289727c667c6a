"""The stories use what the project's own stories use: an emulator, and what production serves in it."""

from tests.stories.conftest import account, alarm, production

__all__ = ["account", "alarm", "production"]
