"""A connection with a budget: a receiver that answers slowly, or without end, takes no more than was granted.

Promises: connecting, the handshake of TLS, sending and receiving together end when the time is up, and no more than the
granted bytes are received; then OSError. No proxy of the environment is used. TLS 1.2 or later, the receiver's
certificate and name verified.
"""

import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowwatch.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MOST_ANSWERED = 64 * 1024
"""Bytes a receiver may send in one delivery."""
_MOST_ADDRESSES = 8
_SHORTEST = 0.001


class Budget:
    """What one delivery may take: seconds from now, and bytes received."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._bytes = MOST_ANSWERED

    @property
    def rest(self) -> float:
        """Seconds left, none or fewer when the time is up."""
        return self._end - time.monotonic()

    def left(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        rest = self.rest
        if rest <= 0:
            raise TimeoutError("it took longer than `timeout` allows")
        return rest

    def take(self, count: int) -> None:
        """Counts bytes received. Raises OSError when they are too many."""
        self._bytes -= count
        if self._bytes < 0:
            raise OSError(f"it answered with more than {MOST_ANSWERED} bytes")


class _Bounded(socket.socket):
    """A socket whose every wait and answer counts against its budget, once it has one."""

    budget: Budget | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        self._wait()
        received = super().recv(buflen, flags)
        self._count(len(received))
        return received

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        self._wait()
        count = super().recv_into(buffer, nbytes or memoryview(buffer).nbytes, flags)
        self._count(count)
        return count

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        self._wait()
        return super().send(data, flags)

    def sendall(self, data: "ReadableBuffer", flags: int = 0) -> None:
        self._wait()
        super().sendall(data, flags)

    def gettimeout(self) -> float | None:
        """What TLS begins with when it is put over this connection."""
        return max(self.budget.rest, _SHORTEST) if self.budget else super().gettimeout()

    def _wait(self) -> None:
        if self.budget:
            self.settimeout(self.budget.left())

    def _count(self, received: int) -> None:
        if self.budget:
            self.budget.take(received)


class _BoundedTls(_Bounded, ssl.SSLSocket):
    """The same over TLS."""


def connected(host: str, port: int, budget: Budget) -> socket.socket:
    """A TCP connection to the first address of the host that takes one. Raises OSError."""
    fault: OSError | None = None
    for family, kind, proto, _, address in addresses(host, port, socket.SOCK_STREAM):
        sock = _Bounded(family, kind, proto)
        try:
            sock.settimeout(budget.left())
            sock.connect(address)
        except OSError as error:
            sock.close()
            fault = error
        else:
            grant(sock, budget)
            return sock
    raise fault or OSError(f"{host} has no address")


_Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


def addresses(host: str, port: int, kind: socket.SocketKind) -> Sequence[_Address]:
    """The first addresses of a host of the configuration, as `getaddrinfo` gives them. Raises OSError."""
    try:
        return socket.getaddrinfo(host, port, type=kind)[:_MOST_ADDRESSES]
    except UnicodeError:
        raise OSError(f"{host!r} is no host name") from None


def secured(sock: socket.socket, host: str, context: ssl.SSLContext, budget: Budget) -> ssl.SSLSocket:
    """The connection over TLS, the certificate verified for the host. Raises OSError, and closes it then."""
    sock.settimeout(budget.left())
    try:
        wrapped = context.wrap_socket(sock, server_hostname=host)
    except OSError:
        sock.close()
        raise
    grant(wrapped, budget)
    return wrapped


def grant(sock: socket.socket, budget: Budget) -> None:
    """Puts a connection of `connected`, or one over TLS with a context of `tls`, under this budget."""
    if isinstance(sock, _Bounded):
        sock.budget = budget


def tls(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies by the authorities of a file, else by the system's. Raises UsageError where the file holds none."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        hint = "write a PEM file with the certificates that sign the receiver's"
        raise UsageError(f"the ca_file {ca_file} cannot be used: {error.strerror or error}", hint=hint) from None
    context.sslsocket_class = _BoundedTls
    return context


def told(error: Exception) -> str:
    """The fault in words, whatever kind of exception tells it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted: {error.verify_message}"
    words = error.strerror if isinstance(error, OSError) else None
    return words or str(error) or type(error).__name__
