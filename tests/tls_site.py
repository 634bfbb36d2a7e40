"""For check_tls_trouble.py: tests/tls_peer.c, throw-away certificates, and the peers on the other side."""

import contextlib
import os
import pathlib
import queue
import shlex
import signal
import socket
import ssl
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}
PATIENCE = 30


def run(*command, **more):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=PATIENCE, **more)


def build(folder):
    """The test program as a user would build it; gives the compiler's complaint, or ''."""
    command = shlex.split(os.environ['CC']) + ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra']
    command += shlex.split(os.environ['GYRE_CFLAGS']) + [ROOT / 'tests' / 'tls_peer.c']
    done = run(*command, '-o', folder / 'tls_peer', *shlex.split(os.environ['GYRE_LIBS']))
    return done.stdout.decode() if done.returncode else ''


def make_certificates(folder):
    """Two authorities, a server and a client of the one, a client of the other, a list of who is revoked."""
    curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    (folder / 'ca.conf').write_text(
        '[ca]\ndefault_ca=it\n[it]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\n'
        'default_crl_days=2\ncrl_extensions=list\n[list]\nauthorityKeyIdentifier=keyid\n')
    (folder / 'index').write_text('')
    (folder / 'number').write_text('01\n')
    commands = []
    for authority in ('root', 'stranger'):
        commands.append(['req', '-x509', *curve, '-subj', f'/CN={authority}', '-days', '2', '-keyout',
                         f'{authority}.key', '-out', f'{authority}.pem', '-addext',
                         'keyUsage=critical,keyCertSign,cRLSign'])
    for number, (name, authority, usage, names) in enumerate((
            ('server', 'root', 'serverAuth', 'DNS:localhost,IP:127.0.0.1'),
            ('client', 'root', 'clientAuth', 'email:client@localhost'),
            ('intruder', 'stranger', 'clientAuth', 'email:client@localhost'))):
        (folder / f'{name}.ext').write_text(
            f'subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage={usage}\n'
            'keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n')
        commands += [['req', *curve, '-subj', f'/CN={name}', '-keyout', f'{name}.key', '-out', 'request'],
                     ['x509', '-req', '-in', 'request', '-CA', f'{authority}.pem', '-CAkey',
                      f'{authority}.key', '-set_serial', number + 2, '-days', '2', '-extfile',
                      f'{name}.ext', '-out', f'{name}.pem']]
    ca = ['ca', '-config', 'ca.conf', '-keyfile', 'root.key', '-cert', 'root.pem']
    commands += [[*ca, '-revoke', 'client.pem'], [*ca, '-gencrl', '-out', 'revoked.pem']]
    for command in commands:
        done = run('openssl', *command, cwd=folder)
        if done.returncode:
            return done.stdout.decode()
    return ''


class Program:
    """A program that tells what happens, line by line."""

    def __init__(self, *command, **more):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors='replace', **more)
        self.lines, self.told = queue.Queue(), ''
        self.reader = threading.Thread(target=self.read_all, daemon=True)
        self.reader.start()

    def read_all(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def say(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()

    def until(self, wanted):
        """The line in which that is told; an error if it is not."""
        while True:
            try:
                line = self.lines.get(timeout=PATIENCE)
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError(f'{wanted!r} was not told, but {self.told!r}')
            self.told += line + '\n'
            if wanted in line:
                return line

    def all(self):
        """What it has told when it has ended by itself."""
        with contextlib.suppress(RuntimeError):
            self.until('\0')
        self.process.wait(PATIENCE)
        return self.told

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextlib.contextmanager
def program(*command, **more):
    it = Program(*command, **more)
    try:
        yield it
    finally:
        it.end()


class Scene:
    """Our program, its certificates, and contexts for Python."""

    def __init__(self, folder, version):
        self.folder, self.version = folder, version

    @contextlib.contextmanager
    def server(self, *words):
        """Our server; gives it with its port."""
        with program(self.folder / 'tls_peer', 'server', 'cert=server.pem', 'key=server.key',
                     f'version={self.version}', *words, cwd=self.folder) as server:
            server.port = int(server.until('port ')[5:])
            yield server
            server.process.send_signal(signal.SIGINT)
            if server.process.wait(PATIENCE) not in (0, -signal.SIGINT):
                raise RuntimeError(f'the server ended with {server.process.returncode}: {server.all()}')

    def client(self, port, *words):
        """What our client tells."""
        with program(self.folder / 'tls_peer', 'client', f'port={port}', 'ca=root.pem',
                     f'version={self.version}', *words, cwd=self.folder) as client:
            text = client.all()
            if client.process.returncode:
                raise RuntimeError(f'the client ended with {client.process.returncode}: {text}')
            return text

    @contextlib.contextmanager
    def s_server(self, *words):
        """openssl's server, which echoes each line backwards; its port is found by itself."""
        flag = '-tls' + self.version.replace('.', '_')
        with program('openssl', 's_server', '-accept', '127.0.0.1:0', '-cert', 'server.pem', '-key',
                     'server.key', flag, *words, cwd=self.folder) as server:
            server.port = int(server.until('ACCEPT ').rpartition(':')[2])
            yield server

    def s_client(self, port, *words):
        flag = '-tls' + self.version.replace('.', '_')
        return program('openssl', 's_client', '-connect', f'127.0.0.1:{port}', '-servername', 'localhost',
                       '-CAfile', 'root.pem', '-verify_return_error', '-brief', flag, *words,
                       cwd=self.folder)

    def context(self, server=False, certificate=None, trust='root.pem'):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / trust)
        context.minimum_version = context.maximum_version = VERSIONS[self.version]
        certificate = certificate or ('server' if server else None)
        if certificate:
            context.load_cert_chain(self.folder / f'{certificate}.pem', self.folder / f'{certificate}.key')
        return context

    def connect(self, port, **more):
        raw = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)
        return self.context(**more).wrap_socket(raw, server_hostname='localhost')
