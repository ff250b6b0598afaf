"""Channels that notifications go to: chat servers, mail relays, and whatever Apprise knows.

Apart from `blocks.notification`, so that who only waits for messages does not import Prefect.
"""
