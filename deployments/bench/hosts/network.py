"""Network namespaces as hosts: what listens on this machine's loopback is on theirs too.

Needs root, and Debian's iproute2 and nftables. Addresses are translated by the kernel, so that a
connection breaks, or is cut off, as one between two machines does.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from blocks.errors import ProdOpsError

_END_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05
_SUBNET: Final = "10.213.{number}"
_PROGRAMS: Final = {
    "ip": "iproute2",
    "nft": "nftables",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
_IN_HOST: Final = """
table ip prodops {{
  chain out {{
    type nat hook output priority -100
    ip daddr 127.0.0.1 tcp dport {{ {ports} }} dnat to {gateway}
  }}
  chain away {{
    type nat hook postrouting priority 100
    oifname "eth0" masquerade
  }}
  chain cut {{
    type filter hook prerouting priority -300
  }}
}}
"""
_ON_THIS_MACHINE: Final = """
table ip {table} {{
  chain in {{
    type nat hook prerouting priority -100
    iifname "{cable}" ip daddr {gateway} tcp dport {{ {ports} }} dnat to 127.0.0.1
  }}
  chain cut {{
    type filter hook prerouting priority -300
  }}
}}
"""


class NoHosts(ProdOpsError):
    """Hosts cannot be made here; the message says what is missing."""

    exit_code = 2


@dataclass(frozen=True)
class Host:
    """A network namespace with a host name of its own, at the end of a cable.

    Attributes:
        number: Its number, from 1.
        subnet: The first three numbers of the addresses of its cable.
    """

    number: int
    subnet: str

    @property
    def name(self) -> str:
        """Its host name."""
        return f"host{self.number}"

    @property
    def address(self) -> str:
        """Where this machine reaches it."""
        return f"{self.subnet}.2"

    @property
    def gateway(self) -> str:
        """Where it reaches this machine."""
        return f"{self.subnet}.1"

    @property
    def network(self) -> str:
        """All addresses of its cable."""
        return f"{self.subnet}.0/24"

    @property
    def cable(self) -> str:
        """The end of the cable that is on this machine."""
        return f"pd{os.getpid()}h{self.number}"

    @property
    def namespace(self) -> str:
        """The namespace of the network."""
        return f"prodops-{os.getpid()}-{self.name}"

    def command(self, argv: Sequence[str], *, host_name: str | None = None) -> list[str]:
        """A command as it runs on the host, by the same pid that starts it."""
        rename = 'printf %s "$0" >/proc/sys/kernel/hostname && exec "$@"'
        return [
            "ip", "netns", "exec", self.namespace,
            "unshare", "--uts", "sh", "-c", rename, host_name or self.name, *argv,
        ]  # fmt: skip

    def cut(self) -> None:
        """Cut the cable: nothing that is sent arrives, either way, and nobody is told.

        What arrives is dropped. Without the device its route would be gone, and what is sent to
        the host would go out to the world.
        """
        for where, table, device in self._ends:
            _do(*where, "nft", "add", "rule", "ip", table, "cut", "iifname", device, "drop")

    @property
    def _ends(self) -> Iterator[tuple[Sequence[str], str, str]]:
        """Both ends of the cable: how to get there, and the names of its table and device."""
        yield (), self.cable, self.cable
        yield ("ip", "netns", "exec", self.namespace), "prodops", "eth0"

    def kill(self) -> None:
        """End every process on it as the loss of its power does: nobody is told."""
        self.cut()
        deadline = time.monotonic() + _END_SECONDS
        while pids := _do("ip", "netns", "pids", self.namespace).split():
            if time.monotonic() > deadline:
                raise NoHosts(f"processes on {self.name} do not end: {', '.join(pids)}")
            for pid in map(int, pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)

    def join(self) -> None:
        """Mend the cable; harmless where it is whole."""
        for where, table, _ in self._ends:
            _do(*where, "nft", "flush", "chain", "ip", table, "cut")


@contextmanager
def hosts(count: int, ports: Sequence[int]) -> Iterator[list[Host]]:
    """So many hosts, which reach these ports of this machine's loopback; removed afterwards.

    Raises:
        NoHosts: This is not root, or a program is missing.
    """
    require_programs()
    made = [Host(number, _SUBNET.format(number=_free(number))) for number in range(1, count + 1)]
    try:
        for host in made:
            _make(host, ports)
        yield made
    finally:
        for host in made:
            _remove(host)


def require_programs(more: Mapping[str, str] = MappingProxyType({})) -> None:
    """See that hosts can be made here, and that these programs are there, too.

    Args:
        more: Debian's package of each program.

    Raises:
        NoHosts: They cannot; the message names all that is missing.
    """
    if os.geteuid() != 0:
        raise NoHosts("network namespaces need root")
    missing = [
        f"{program} (Debian: {package})"
        for program, package in {**_PROGRAMS, **more}.items()
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None
    ]
    if missing:
        raise NoHosts(f"not installed: {', '.join(missing)}")


def _make(host: Host, ports: Sequence[int]) -> None:
    inside = ("ip", "-n", host.namespace)
    _do("ip", "netns", "add", host.namespace)
    peer = ("peer", "name", "eth0", "netns", host.namespace)
    _do("ip", "link", "add", host.cable, "type", "veth", *peer)
    _do("ip", "addr", "add", f"{host.gateway}/24", "dev", host.cable)
    _do("ip", "link", "set", host.cable, "up")
    _do(*inside, "addr", "add", f"{host.address}/24", "dev", "eth0")
    for device in ("eth0", "lo"):
        _do(*inside, "link", "set", device, "up")
    # Packets for loopback addresses may leave by a cable, and come in by it.
    Path(f"/proc/sys/net/ipv4/conf/{host.cable}/route_localnet").write_text("1")
    rule = "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet"
    _do("ip", "netns", "exec", host.namespace, "sh", "-c", rule)
    listed = ", ".join(map(str, ports))
    here = {"ports": listed, "gateway": host.gateway, "cable": host.cable, "table": host.cable}
    _do("ip", "netns", "exec", host.namespace, "nft", "-f", "-", given=_IN_HOST.format(**here))
    _do("nft", "-f", "-", given=_ON_THIS_MACHINE.format(**here))


def _remove(host: Host) -> None:
    for command in (
        ("nft", "delete", "table", "ip", host.cable),
        ("ip", "link", "delete", host.cable),
        ("ip", "netns", "delete", host.namespace),
    ):
        subprocess.run(command, check=False, stderr=subprocess.DEVNULL)


def _free(number: int) -> int:
    """The third number of a subnet that no other bench on this machine uses."""
    return (os.getpid() * 2 + number) % 250 + 2


def _do(*argv: str, given: str | None = None) -> str:
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoHosts(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout
