"""The message broker of the sandbox: a real ActiveMQ that speaks STOMP, with and without TLS."""
