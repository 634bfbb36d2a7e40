"""Real peers over TLS, when things are not as they should be: tests/tls_peer.c against openssl and Python.

Client certificates, wrong authorities and names, ALPN, sessions, connections that end in the middle,
STARTTLS and half-closed connections, each with what both sides say about it.
"""

import asyncio
import contextlib
import pathlib
import shutil
import socket
import ssl
import tempfile
import threading

from report import Report
from tls_site import PATIENCE, Scene, VERSIONS, build, make_certificates, run

PAYLOAD = bytes(i * 7 % 251 for i in range(1000))


def expect(text, *wanted):
    """'' if all of that was told, in that order."""
    at = 0
    for piece in wanted:
        at = text.find(piece, at)
        if at < 0:
            return f'{piece!r} is missing in {text!r}'
        at += len(piece)
    return ''


# ---- certificates ----

def client_certificates(scene):
    """Good, none, of a stranger, revoked; with TLS 1.3 the client hears of it when it reads."""
    with scene.server('ca=root.pem', 'client_auth=required') as server:
        with scene.s_client(server.port, '-cert', 'client.pem', '-key', 'client.key') as peer:
            peer.say('hello')
            peer.until('hello')
        server.until('peer=CN=client')
        with scene.s_client(server.port) as peer:
            wanted = 'certificate required' if scene.version == '1.3' else 'handshake failure'
            problem = expect(peer.all(), f'alert {wanted}')
        server.until('handshake: certificate of the peer was not accepted (the client sent no '
                     'certificate)')
        with scene.s_client(server.port, '-cert', 'intruder.pem', '-key', 'intruder.key') as peer:
            problem = problem or expect(peer.all(), 'alert unknown ca')
        server.until('not accepted (client: unable to get local issuer certificate (depth 0, subject '
                     'CN=intruder')
    with scene.server('ca=root.pem', 'client_auth=required', 'crl=revoked.pem') as server:
        with contextlib.suppress(ssl.SSLError, ConnectionResetError):
            with scene.connect(server.port, certificate='client') as peer:
                peer.recv(1)
                return 'served although it is revoked'
        server.until('certificate revoked')
    with scene.server('ca=root.pem', 'client_auth=optional') as server:
        with scene.connect(server.port) as peer:
            peer.sendall(b'x')
            if peer.recv(1) != b'x':
                return 'no echo without a certificate'
        server.until('peer= ')
    return problem


def rejected_by_server(scene):
    """Our client shows none, or a stranger's, to a Python server that insists."""
    problem = ''
    for words in ((), ('cert=intruder.pem', 'key=intruder.key')):
        context = scene.context(server=True)
        context.verify_mode = ssl.CERT_REQUIRED
        with python_server(context, lambda peer: peer.recv(1)) as (port, errors):
            text = scene.client(port, *words)
        wanted = ['handshake: '] if scene.version == '1.2' else ['ready', 'read: ']
        problem = problem or expect(text, *wanted, 'peer ended TLS with an alert (the peer sent the alert: ')
        if not errors:
            problem = problem or 'the server took it'
    with scene.s_server('-Verify', '1', '-CAfile', 'root.pem', '-verify_return_error', '-rev') as server:
        text = scene.client(server.port, 'cert=client.pem', 'key=client.key', 'amount=0')
        problem = problem or expect(text, 'ready', 'peer=CN=server', 'closed')
    return problem


def wrong_server(scene):
    """An authority we do not know, a name that is not in the certificate; openssl hears why."""
    with scene.s_server('-rev') as server:
        problem = (
            expect(scene.client(server.port, 'name=bank.example'), 'handshake: certificate of the peer is '
                   'for another host (bank.example: ', 'it is for localhost, 127.0.0.1', 'CN=server')
            or expect(scene.client(server.port, 'ca=stranger.pem'), 'handshake: certificate of the peer '
                      'was not accepted (localhost: unable to get local issuer certificate (depth 0, ')
            or expect(scene.client(server.port, 'name=127.0.0.1', 'amount=0'), 'ready', 'closed')
            or expect(scene.client(server.port, 'name=127.0.0.2'), 'is for another host'))
        server.until('unknown ca')
        return problem


def wrong_client(scene):
    """Python and openssl do not trust our server; it says so."""
    with scene.server() as server:
        with scene.s_client(server.port, '-CAfile', 'stranger.pem') as peer:
            problem = expect(peer.all(), 'unable to get local issuer certificate')
        server.until('handshake: peer ended TLS with an alert (the peer sent the alert: unknown certificate '
                     'authority (48))')
        try:
            scene.connect(server.port, trust='stranger.pem').close()
            return 'Python took it'
        except ssl.SSLCertVerificationError:
            server.until('unknown certificate authority (48)')
        return problem


# ---- what both agree on ----

def application_protocols(scene):
    with scene.server('alpn=gyre/1', 'alpn_required') as server:
        with scene.s_client(server.port, '-alpn', 'other,gyre/1') as peer:
            peer.say('hello')
            peer.until('hello')
        server.until('alpn=gyre/1')
        with scene.s_client(server.port, '-alpn', 'other') as peer:
            problem = expect(peer.all(), 'no application protocol')
        server.until('handshake: no application protocol in common')
    with scene.s_server('-alpn', 'gyre/1', '-rev') as server:
        problem = problem or expect(scene.client(server.port, 'alpn=gyre/1', 'amount=0'), 'alpn=gyre/1')
    with scene.s_server('-rev') as server:
        return problem or expect(scene.client(server.port, 'alpn=gyre/1', 'alpn_required'),
                                 'handshake: no application protocol in common')


def sessions(scene):
    """Resumed by openssl's client with tickets and with our cache, by ours with openssl's server."""
    problem = ''
    for words in ((), ('cache=10',)):
        with scene.server(*words) as server:
            stored = scene.folder / f'session{scene.version}{len(words)}'
            for way, wanted in (('-sess_out', 'resumed=0'), ('-sess_in', 'resumed=1')):
                with scene.s_client(server.port, way, stored) as peer:
                    peer.say('hello')
                    peer.until('hello')
                    peer.process.stdin.close()
                    peer.all()
                server.until(wanted)
    with python_server(scene.context(server=True), echo) as (port, _):
        text = scene.client(port, 'times=3')
    return problem or expect(text, 'resumed=0', 'heard 1000', 'resumed=1', 'heard 1000', 'resumed=1',
                             'closed')


def asked_again(scene):
    """In the middle of it openssl's client wants another handshake, which is refused, or new keys."""
    with scene.server() as server, scene.s_client(server.port) as peer:
        server.until('ready')
        peer.say('hello')
        peer.until('hello')
        if scene.version == '1.2':
            peer.say('R')
            peer.until('no renegotiation')
            server.until('read: peer ended TLS with an alert (the peer sent the alert: ')
        else:
            peer.say('K')
            peer.until('KEYUPDATE')
            peer.say('hello again')
            peer.until('hello again')
    return ''


def no_version_in_common(scene):
    other = {'1.2': '-tls1_3', '1.3': '-tls1_2'}[scene.version]
    with scene.server() as server:
        done = run('openssl', 's_client', '-connect', f'127.0.0.1:{server.port}', other, input=b'')
        server.until('handshake: TLS failed (unsupported protocol)')
    if b'alert protocol version' not in done.stdout:
        return done.stdout.decode()
    with scene.s_server('-rev') as server:
        text = scene.client(server.port, f'version={"1.3" if scene.version == "1.2" else "1.2"}')
        return expect(text, 'handshake: peer ended TLS with an alert (the peer sent the alert: protocol '
                      'version (70))')


# ---- ends ----

@contextlib.contextmanager
def python_server(context, serve, prepare=None):
    """serve(peer) for each connection, in a thread; gives the port and the errors there are."""
    errors = []

    def session(raw):
        try:
            with raw:
                raw.settimeout(PATIENCE)
                if prepare:
                    prepare(raw)
                with context.wrap_socket(raw, server_side=True) as peer:
                    serve(peer)
        except OSError as error:
            errors.append(error)

    def accept_all(listener):
        with contextlib.suppress(OSError):
            while True:
                session(listener.accept()[0])

    with socket.create_server(('127.0.0.1', 0)) as listener:
        thread = threading.Thread(target=accept_all, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], errors
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)


def echo(peer):
    """Until the other one ends; then close_notify both ways."""
    while data := peer.recv(5000):
        peer.sendall(data)
    peer.unwrap().close()


def cut_off(scene):
    """The transport ends without close_notify: an error, unless that is accepted."""
    def leave(peer):
        peer.sendall(peer.recv(5000)[:100])
        peer.shutdown(socket.SHUT_RDWR)  # of the transport alone

    problem = ''
    with python_server(scene.context(server=True), leave) as (port, _):
        problem = expect(scene.client(port), 'ready', 'read: connection ended without TLS close_notify',
                         'heard 100')
        problem = problem or expect(scene.client(port, 'truncation'), 'ready', 'end\nheard 100')
    for words, wanted in (((), 'read: connection ended without TLS close_notify'), (('truncation',), 'end')):
        with scene.server(*words) as server:
            with scene.connect(server.port) as peer:
                peer.sendall(b'x')
                peer.recv(1)
            server.until(wanted)
    with scene.server() as server:
        with socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE) as raw:
            raw.sendall(b'\x16\x03\x01\x02\x00\x01')
        server.until('handshake: connection ended without TLS close_notify (the connection ended during '
                     'the TLS handshake)')
        with socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE) as raw:
            raw.sendall(b'GET / HTTP/1.0\r\n\r\n')
            server.until('handshake: TLS failed (http request)')
    return problem


def half_closed(scene):
    """Our client ends its side, and goes on reading; Python's unwrap() against our server."""
    def late(peer):
        heard = b''
        while data := peer.recv(5000):
            heard += data
        if scene.version == '1.3':  # having had the client's end; TLS 1.2 stops here
            peer.sendall(heard)
        peer.unwrap().close()

    with python_server(scene.context(server=True), late) as (port, errors):
        text = scene.client(port, 'half')
    heard = 1000 if scene.version == '1.3' else 0
    problem = expect(text, 'ready', f'end\nheard {heard}\n', 'closed') or ''.join(map(str, errors))
    with scene.server() as server:
        peer = scene.connect(server.port)
        peer.sendall(PAYLOAD)
        heard = b''
        while len(heard) < len(PAYLOAD):
            heard += peer.recv(5000)
        raw = peer.unwrap()
        server.until('end')
        server.until('closed')
        if heard != PAYLOAD or raw.recv(1) != b'':
            problem = problem or 'the echo differs, or something comes after the end'
        raw.close()
    return problem


# ---- upgrades ----

def start_tls(scene):
    """Python's wrap_socket and asyncio's start_tls in the middle of a connection; and ours."""
    def prepare(raw):
        if raw.recv(100) == b'STARTTLS\n':
            raw.sendall(b'go ahead\n')

    with python_server(scene.context(server=True), echo, prepare) as (port, errors):
        problem = expect(scene.client(port, 'start_tls'), 'ready', 'peer=CN=server', 'heard 1000', 'closed')
        problem = problem or expect(scene.client(port, 'start_tls', 'name=other'), 'is for another host')

    async def talk(port):
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        writer.write(b'STARTTLS\n')
        if await reader.readline() != b'go ahead\n':
            return 'it does not go ahead'
        await writer.start_tls(scene.context(), server_hostname='localhost')
        writer.write(PAYLOAD)
        heard = await reader.readexactly(len(PAYLOAD))
        writer.close()
        await writer.wait_closed()
        return '' if heard == PAYLOAD else 'the echo differs'

    with scene.server('start_tls') as server:
        if hasattr(asyncio.StreamWriter, 'start_tls'):
            problem = problem or asyncio.run(asyncio.wait_for(talk(server.port), PATIENCE))
        with socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE) as raw:
            raw.sendall(b'STARTTLS\n')
            raw.recv(100)
            raw.sendall(b'MAIL FROM:<a@b>\r\n' * 30)
            server.until('handshake: TLS failed')
    return problem


def asyncio_server(scene):
    """asyncio's streams as the server of many clients of ours, with much to say."""
    async def serve():
        async def session(reader, writer):
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
                writer.close()
                await writer.wait_closed()

        server = await asyncio.start_server(session, '127.0.0.1', 0, ssl=scene.context(server=True))
        port = server.sockets[0].getsockname()[1]
        texts = await asyncio.gather(*(asyncio.to_thread(scene.client, port, 'amount=300000')
                                       for _ in range(8)))
        server.close()
        return ''.join(expect(text, 'ready', 'heard 300000', 'closed') for text in texts)

    return asyncio.run(asyncio.wait_for(serve(), 2 * PATIENCE))


CHECKS = [client_certificates, rejected_by_server, wrong_server, wrong_client, application_protocols,
          sessions, asked_again, no_version_in_common, cut_off, half_closed, start_tls, asyncio_server]


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if not shutil.which('openssl'):
            report.skip('TLS in trouble', 'the openssl program is missing')
            report.finish()
        problem = build(folder) or make_certificates(folder)
        report.check('building tls_peer, making certificates', problem)
        for check in [] if problem else CHECKS:
            for version in VERSIONS:
                try:
                    problem = check(Scene(folder, version))
                except (OSError, RuntimeError, asyncio.TimeoutError) as error:
                    problem = f'{type(error).__name__}: {error}'
                report.check(f'{check.__name__}, TLS {version}', problem)
    report.finish()


main()
