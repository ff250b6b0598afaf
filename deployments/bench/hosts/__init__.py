"""Two hosts on one machine: network namespaces that reach the services of this one by a cable."""
