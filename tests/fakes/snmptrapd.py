"""net-snmp's snmptrapd with our MIB, behind a relay that keeps every packet sent to it.

Not a fake: the program that many network management systems are built on.
"""

import os
import re
import select
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import servers

MIBS = sorted(Path("/usr/lib/erlang/lib").glob("snmp-*/mibs"))
"""The MIBs of the IETF, as they were published."""
OURS = Path(__file__).parents[2] / "ops" / "snmp"
ENGINE = "80001f88051122334455667788"
COMMUNITY, SIGNING, SECRET = "public", "a signing key", "a secret key"
_CONFIGURATION = f"""
disableAuthorization no
authCommunity log {COMMUNITY}
createUser -e 0x{ENGINE} alarms SHA-256 "{SIGNING}" AES "{SECRET}"
createUser alarms SHA-256 "{SIGNING}" AES "{SECRET}"
authUser log alarms priv
createUser -e 0x{ENGINE} strong SHA-512 "{SIGNING}" AES-256 "{SECRET}"
authUser log strong priv
createUser -e 0x{ENGINE} signed SHA "{SIGNING}"
authUser log signed auth
createUser -e 0x{ENGINE} plain
authUser log plain noauth
format2 TRAP %P\\n%V\\n%v\\nEND\\n
"""
_LONGEST_S = 5.0


class Trap(dict[str, str]):
    """One notification as it was decoded: names without their module to values in words."""

    security = ""


class Trapd:
    """What the program received, and the packets that were sent to it."""

    def __init__(self) -> None:
        self.received: list[Trap] = []
        self.packets: list[bytes] = []
        self.arrived = threading.Condition()
        self.deaf = False
        """Whether packets are kept from the program."""
        self._relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._relay.bind(("127.0.0.1", 0))
        self.port: int = self._relay.getsockname()[1]

    def wait_for(self, count: int) -> list[Trap]:
        """Everything received, when that is at least ``count``."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, _LONGEST_S)
            return list(self.received)

    def clear(self) -> None:
        """Begin anew."""
        with self.arrived:
            self.received.clear()
            self.packets.clear()

    def read(self, lines: Iterator[str]) -> None:
        """Take in what the program writes."""
        trap = Trap()
        for line in (each.rstrip("\n") for each in lines):
            if line.startswith("TRAP "):
                trap = Trap()
                trap.security = line.removeprefix("TRAP ")
            elif line == "END":
                with self.arrived:
                    self.received.append(trap)
                    self.arrived.notify_all()
            elif match := re.match(r"[\w-]+::(\w+)(?:\.0)? = (?:[\w-]+: )?(.*)", line):
                trap[match[1]] = match[2]

    def relay(self, receiver: socket.socket, stop: socket.socket) -> None:
        """Pass packets on in both directions until ``stop`` is written to."""
        sender = None
        while True:
            ready, _, _ = select.select([self._relay, receiver, stop], [], [])
            if stop in ready:
                return
            if self._relay in ready:
                packet, sender = self._relay.recvfrom(65_535)
                with self.arrived:
                    self.packets.append(packet)
                    self.arrived.notify_all()
                if not self.deaf:
                    receiver.send(packet)
            if receiver in ready and sender is not None:
                self._relay.sendto(receiver.recv(65_535), sender)

    def pcap(self, file: Path) -> None:
        """Write the packets to ``file`` as a capture of traps."""
        header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)
        file.write_bytes(header + b"".join(map(_frame, self.packets)))


def _frame(packet: bytes) -> bytes:
    udp = struct.pack("!HHHH", 40_000, 162, 8 + len(packet), 0) + packet
    size = 20 + len(udp)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return struct.pack("<IIII", 0, 0, size, size) + ip + udp


@contextmanager
def snmptrapd(directory: Path) -> Iterator[Trapd]:
    """The program with `_CONFIGURATION`, its files in ``directory``."""
    configuration = directory / "snmptrapd.conf"
    configuration.write_text(_CONFIGURATION)
    environ = {
        **os.environ,
        "MIBDIRS": os.pathsep.join(map(str, [*MIBS, OURS])),
        "MIBS": "SNMPv2-MIB:VOICE-AI-GATEWAY-MIB",
        "SNMP_PERSISTENT_DIR": str(directory / "kept"),
        "SNMPCONFPATH": str(directory),
    }
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [servers.program("snmptrapd"), "-f", "-Lo", "-C", "-c", str(configuration)]
    process = subprocess.Popen(
        [*command, f"udp:127.0.0.1:{port}"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    trapd = Trapd()
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("NET-SNMP version"):
            break
    stop, stopper = socket.socketpair()
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.connect(("127.0.0.1", port))
    threads = [
        threading.Thread(target=trapd.read, args=(iter(process.stdout),)),
        threading.Thread(target=trapd.relay, args=(receiver, stop)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield trapd
    finally:
        process.terminate()
        stopper.send(b"x")
        for thread in threads:
            thread.join()
        process.wait()
        process.stdout.close()
        for own in (stop, stopper, receiver, trapd._relay):
            own.close()
