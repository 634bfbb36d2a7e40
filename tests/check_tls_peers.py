"""Real peers over TLS: the samples 30 and 31 and bench/tls against openssl, Python, curl and nginx."""

import asyncio
import contextlib
import os
import pathlib
import shlex
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from report import Report

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLES = ['30_tls_echo_server', '31_tls_client']
PAYLOAD = bytes(i * 7 % 251 for i in range(300_000))
VERSIONS = {'TLS 1.2': ssl.TLSVersion.TLSv1_2, 'TLS 1.3': ssl.TLSVersion.TLSv1_3}


def run(*command, **more):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=30, **more)


def build(folder):
    """The samples as a user would build them; gives the compiler's complaint, or ''."""
    for name in SAMPLES:
        command = shlex.split(os.environ['CC']) + ['-std=c11', '-D_GNU_SOURCE']
        command += shlex.split(os.environ['GYRE_CFLAGS']) + [ROOT / 'samples' / f'{name}.c']
        command += ['-o', folder / name] + shlex.split(os.environ['GYRE_LIBS'])
        done = run(*command, '-lssl', '-lcrypto')
        if done.returncode:
            return done.stdout.decode()
    return ''


def make_certificates(folder):
    """An authority and a server for localhost; gives openssl's complaint, or ''."""
    extensions = folder / 'extensions'
    extensions.write_text('subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n'
                          'keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n'
                          'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n')
    curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    for command in (
            ['req', '-x509', *curve, '-subj', '/CN=authority', '-days', '2', '-keyout', 'root.key', '-out',
             'root.pem', '-addext', 'keyUsage=critical,keyCertSign'],
            ['req', *curve, '-subj', '/CN=server', '-keyout', 'key.pem', '-out', 'server.csr'],
            ['x509', '-req', '-in', 'server.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-set_serial', '2',
             '-days', '2', '-extfile', extensions, '-out', 'cert.pem']):
        done = run('openssl', *command, cwd=folder)
        if done.returncode:
            return done.stdout.decode()
    return ''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(250):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', port), timeout=20).close()
            return
        time.sleep(0.02)
    raise RuntimeError(f'nobody listens on port {port}')


@contextlib.contextmanager
def running(port, *command, end=signal.SIGINT, **more):
    """A server on that port, until the block ends."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, stdin=subprocess.PIPE, **more)
    try:
        wait_for(port)
        yield process
        process.send_signal(end)
        process.wait(20)
    finally:
        process.kill()
        process.wait()


def context_for(folder, version):
    context = ssl.create_default_context(cafile=folder / 'root.pem')
    context.minimum_version = context.maximum_version = version
    return context


# ---- our server ----

def talk_both_ways(peer, payload):
    """Sends and receives at the same time, in one thread: an SSL object serves no two at once."""
    answer, sent = bytearray(), 0
    peer.setblocking(False)
    while len(answer) < len(payload):
        waits = []
        try:
            if sent < len(payload):
                sent += peer.send(payload[sent:sent + 65536])
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
            waits.append(want)
        try:
            data = peer.recv(65536)
            if not data:
                break
            answer += data
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
            waits.append(want)
        if len(waits) == 2 or (waits and sent == len(payload)):
            writing = any(isinstance(want, ssl.SSLWantWriteError) for want in waits)
            if not any(select.select([peer], [peer] if writing else [], [], 20)):
                break
    peer.settimeout(20)
    return answer


def check_python_client(port, context):
    """Everything there and back at once, then close_notify both ways; then a session that is resumed."""
    session = None
    for _ in range(2):
        with socket.create_connection(('127.0.0.1', port), timeout=20) as raw, \
                context.wrap_socket(raw, server_hostname='localhost', session=session) as peer:
            answer = talk_both_ways(peer, PAYLOAD)
            if bytes(answer) != PAYLOAD:
                return 'the echo differs'
            if session and not peer.session_reused:
                return 'the session was not resumed'
            session = peer.session
            peer.unwrap()
    return ''


def check_asyncio_client(port, context):
    async def talk():
        reader, writer = await asyncio.open_connection('localhost', port, ssl=context, family=socket.AF_INET)
        for i in range(50):
            writer.write(b'line %d\n' % i)
            if await reader.readline() != b'line %d\n' % i:
                return 'the echo differs'
        writer.close()
        await writer.wait_closed()
        return ''

    async def all_at_once():
        return ' '.join(await asyncio.gather(*(talk() for _ in range(20))))

    return asyncio.run(asyncio.wait_for(all_at_once(), 30)).strip()


def check_s_client(folder, port, *options):
    """Its input stays open until the echo has come: at the end of it s_client leaves at once."""
    command = ['openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-servername', 'localhost', '-CAfile',
               str(folder / 'root.pem'), '-verify_return_error', '-verify_hostname', 'localhost', '-brief']
    client = subprocess.Popen(command + list(options), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    killer = threading.Timer(20, client.kill)
    killer.start()
    client.stdin.write('hello\n')
    client.stdin.flush()
    text = ''
    while (line := client.stdout.readline()) and line != 'hello\n':
        text += line
    client.communicate()
    killer.cancel()
    return '' if line and 'Verification: OK' in text and client.returncode == 0 else text


def check_refusals(port):
    """Old protocols and no protocol; the server must still serve afterwards."""
    for maximum in ('-tls1', '-tls1_1'):
        done = run('openssl', 's_client', '-connect', f'127.0.0.1:{port}', maximum, '-cipher',
                   'ALL:@SECLEVEL=0', input=b'')
        if b'Cipher is (NONE)' not in done.stdout and done.returncode == 0:
            return f'{maximum} was accepted'
    with socket.create_connection(('127.0.0.1', port), timeout=20) as raw:
        raw.sendall(b'GET / HTTP/1.1\r\n\r\n' * 100)
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(1000):
                pass
    return ''


def check_curl(folder, report, bench):
    port = free_port()
    if not shutil.which('curl') or not bench.exists():
        report.skip('curl', 'curl or tests/bench/tls is missing')
        return
    with running(port, bench, '--port', port, '--cert', folder / 'cert.pem', '--key', folder / 'key.pem',
                 end=signal.SIGTERM):
        url = f'https://localhost:{port}/'
        done = run('curl', '--silent', '--show-error', '--http1.1', '--ipv4', '--cacert', folder / 'root.pem',
                   url, url, url)
        report.check('curl', '' if done.stdout == b'Hello, world!' * 3 else done.stdout.decode())


# ---- our client ----

def check_client(folder, port, wanted):
    """The client trusts the system's store, which OpenSSL lets a variable name."""
    done = run(folder / '31_tls_client', 'localhost', port,
               env=dict(os.environ, SSL_CERT_FILE=str(folder / 'root.pem')))
    text = done.stdout.decode()
    return '' if wanted in text and 'verified: yes' in text and 'CN=server' in text else text


def check_servers(folder, report):
    port = free_port()
    for name, flag in (('TLSv1.2', '-tls1_2'), ('TLSv1.3', '-tls1_3')):
        with running(port, 'openssl', 's_server', '-accept', port, '-cert', folder / 'cert.pem', '-key',
                     folder / 'key.pem', flag, '-quiet'):
            report.check(f'client, s_server, {name}', check_client(folder, port, name))
    if not shutil.which('nginx'):
        report.skip('client, nginx', 'nginx is missing')
        return
    (folder / 'nginx.conf').write_text(
        f'daemon off; pid {folder}/nginx.pid; error_log /dev/null; worker_processes 1;\n'
        f'events {{}} http {{ access_log off; client_body_temp_path {folder}/t; proxy_temp_path {folder}/t;\n'
        f'fastcgi_temp_path {folder}/t; uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;\n'
        f'server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/cert.pem;\n'
        f'ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.2 TLSv1.3; }} }}\n')
    with running(port, 'nginx', '-c', folder / 'nginx.conf', '-p', folder, end=signal.SIGTERM):
        report.check('client, nginx', check_client(folder, port, 'TLSv1'))


def check_all(folder, report):
    port = free_port()
    with running(port, folder / '30_tls_echo_server', port, folder / 'cert.pem', folder / 'key.pem'):
        report.check('refusals', check_refusals(port))
        for name, version in VERSIONS.items():
            context = context_for(folder, version)
            report.check(f'server, Python, {name}', check_python_client(port, context))
            report.check(f'server, asyncio, {name}', check_asyncio_client(port, context))
        report.check('server, s_client, TLS 1.2', check_s_client(folder, port, '-tls1_2'))
        report.check('server, s_client, TLS 1.3', check_s_client(folder, port, '-tls1_3'))
    check_curl(folder, report, pathlib.Path(os.environ['GYRE_BUILD']) / 'tests' / 'bench' / 'tls')
    check_servers(folder, report)


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if not shutil.which('openssl'):
            report.skip('peers over TLS', 'the openssl program is missing')
            report.finish()
        problem = build(folder) or make_certificates(folder)
        report.check('building the samples, making certificates', problem)
        if not problem:
            check_all(folder, report)
    report.finish()


main()
