"""The message bus: ActiveMQ Classic or Artemis over STOMP 1.2 (stomp.py)."""
