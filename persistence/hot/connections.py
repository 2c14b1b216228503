"""redis-py's three kinds of connection, with name look-up, connecting and talking under the thread's deadline."""

import functools
import os
import socket
import ssl
import threading
from concurrent.futures import Future
from typing import Any

import redis
from redis.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)

from persistence.hot.deadline import DeadlineSocket, seconds_left

# What a URL may ask for and must not get: each is a wait, a repetition or a round trip that nobody counted.
NOT_FROM_THE_URL = (
    "connection_class",
    "decode_responses",
    "encoding",
    "encoding_errors",
    "health_check_interval",
    "max_connections",
    "parser_class",
    "protocol",
    "retry_on_error",
    "retry_on_timeout",
    "socket_connect_timeout",
    "socket_timeout",
    "timeout",
)

Addresses = list[tuple[Any, ...]]


def pool_for(url: str) -> "HotPool":
    """Return a pool of such connections; nothing is dialled yet. Raises ValueError for a URL that cannot be used."""
    options = parse_url(url)
    for name in NOT_FROM_THE_URL:
        options.pop(name, None)
    kind = {"rediss": HotTls, "unix": HotUnix}.get(url.partition(":")[0], HotTcp)
    pool = HotPool(connection_class=kind, lib_name=None, lib_version=None, **options)
    try:
        pool.unpooled()
    except TypeError as error:
        raise ValueError("it has an option that connections do not know") from error
    return pool


class HotPool(ConnectionPool):
    """A pool for one process that is made anew after a fork, so it needs to look at no process id and take no lock.

    It has as many connections as there are threads that use them at once.
    """

    def get_connection(self, command_name: str | None = None, *keys: Any, **options: Any) -> Any:
        """Return a connected connection on which nothing is left to be read. Raises redis-py's errors."""
        try:
            connection = self._available_connections.pop()
        except IndexError:
            connection = self.make_connection()
        try:
            if connection._sock is None:
                connection.connect()
            elif not connection._sock.is_quiet():
                # A server that was restarted has hung up; one that says something unasked is out of step.
                connection.disconnect()
                connection.connect()
        except BaseException:
            self.release(connection)
            raise
        return connection

    def release(self, connection: Any) -> None:
        """Take a connection back, whole or broken."""
        self._available_connections.append(connection)

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Hang up what nobody uses at present."""
        idle, self._available_connections = self._available_connections, []
        for connection in idle:
            connection.disconnect()

    def unpooled(self) -> Any:
        """Return a connection that the pool knows nothing of; it is not dialled yet."""
        return self.connection_class(**self.connection_kwargs)


class HotClient(redis.Redis):
    """redis-py's client, and ``ask``: the same without what only a client with retries and decoding needs."""

    connection_pool: HotPool

    def ask(self, *words: str | bytes | int | float) -> Any:
        """Send one command and return its answer as it came: bytes, int, list or None. Raises redis-py's errors.

        Where the server does not do as it should also OSError, TimeoutError included; the connection is lost then.
        """
        pool = self.connection_pool
        connection = pool.get_connection()
        try:
            return connection.ask(*words)
        finally:
            pool.release(connection)


class Asking(AbstractConnection):
    """What all three kinds can do."""

    _sock: Any

    def ask(self, *words: str | bytes | int | float) -> Any:
        """Send a command on a connection that is connected, and return its answer."""
        try:
            for packed in self.pack_command(*words):
                self._sock.sendall(packed)
            answer = self._parser.read_response()
        except BaseException:
            # A late answer must not be there for the next question.
            self.disconnect()
            raise
        if isinstance(answer, redis.ResponseError):
            raise answer
        return answer

    def hear(self) -> Any:
        """Return what the server says next. Raises as ``ask`` does; after a TimeoutError one may go on hearing."""
        return self._parser.read_response()


class HotTcp(Asking, Connection):
    """Over TCP."""

    def _connect(self) -> Any:
        return DeadlineSocket(self._dial())

    def _dial(self) -> socket.socket:
        problem = OSError(f"no address for {self.host}")
        for family, kind, protocol, _, address in addresses(self.host, self.port):
            dialled = socket.socket(family, kind, protocol)
            try:
                dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                dialled.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                dialled.settimeout(seconds_left())
                dialled.connect(address)
                return dialled
            except OSError as error:
                dialled.close()
                problem = error
        raise problem


class HotTls(HotTcp, SSLConnection):
    """Over TLS."""

    def _connect(self) -> Any:
        dialled = self._dial()
        try:
            dialled.settimeout(seconds_left())  # for the handshake as a whole: ssl counts it down itself
            return DeadlineSocket(self._wrap_socket_with_ssl(dialled), encrypted=True)
        except BaseException:
            dialled.close()
            raise

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        if self.ssl_validate_ocsp or self.ssl_validate_ocsp_stapled:
            wrapped: ssl.SSLSocket = super()._wrap_socket_with_ssl(sock)
            return wrapped
        context = _tls(
            self.check_hostname,
            self.cert_reqs,
            self.ca_certs,
            self.ca_path,
            self.ca_data,
            self.certfile,
            self.keyfile,
            self.certificate_password,
            self.ssl_min_version,
            self.ssl_ciphers,
        )
        return context.wrap_socket(sock, server_hostname=self.host)


class HotUnix(Asking, UnixDomainSocketConnection):
    """Over a socket in the file system."""

    def _connect(self) -> Any:
        dialled = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            dialled.settimeout(seconds_left())
            dialled.connect(self.path)
        except BaseException:
            dialled.close()
            raise
        return DeadlineSocket(dialled)


@functools.lru_cache(maxsize=4)
def _tls(
    check_hostname: bool,
    verify_mode: ssl.VerifyMode,
    cafile: str | None,
    capath: str | None,
    cadata: str | bytes | None,
    certfile: str | None,
    keyfile: str | None,
    password: str | None,
    least: ssl.TLSVersion | None,
    ciphers: str | None,
) -> ssl.SSLContext:
    """Return the context, made once: reading the system's authorities takes longer than a call has altogether."""
    context = ssl.create_default_context()
    context.check_hostname = check_hostname
    context.verify_mode = verify_mode
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    if certfile:
        context.load_cert_chain(certfile, keyfile, password)
    if least is not None:
        context.minimum_version = least
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context


def addresses(host: str, port: int) -> Addresses:
    """Return what ``socket.getaddrinfo`` says, within the thread's deadline. Raises OSError, TimeoutError included."""
    try:
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror:
        return _lookups.find(host, port)


class Lookups:
    """Name look-ups in threads of their own: the resolver knows no deadline. One at a time for each name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], Future[Addresses]] = {}

    def find(self, host: str, port: int) -> Addresses:
        """Wait for the one under way, or begin one. Raises TimeoutError; the look-up goes on then."""
        name = (host, port)
        with self._lock:
            answer = self._under_way.get(name)
            if answer is None:
                answer = self._under_way[name] = Future()
                threading.Thread(target=self._look_up, args=(name, answer), daemon=True).start()
        return answer.result(seconds_left())

    def _look_up(self, name: tuple[str, int], answer: Future[Addresses]) -> None:
        try:
            found, problem = socket.getaddrinfo(*name, 0, socket.SOCK_STREAM), None
        except (OSError, UnicodeError) as error:
            found, problem = [], error
        with self._lock:
            self._under_way.pop(name, None)
        if problem is None:
            answer.set_result(found)
        else:
            answer.set_exception(OSError(f"the name {name[0]} cannot be looked up: {problem}"))


_lookups = Lookups()


def _start_afresh() -> None:
    # The thread that was looking up, and whoever held the lock, stayed in the parent.
    global _lookups
    _lookups = Lookups()


os.register_at_fork(after_in_child=_start_afresh)
