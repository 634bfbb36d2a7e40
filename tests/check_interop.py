"""Real peers: the samples 20_echo_server, 21_echo_client and 26_proxy against Python, nc and curl."""

import asyncio
import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from report import Report

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLES = ['20_echo_server', '21_echo_client', '26_proxy']
PAYLOAD = bytes(i * 7 % 251 for i in range(300_000))


def build(folder):
    """The samples as a user would build them; gives the compiler's complaint, or ''."""
    for name in SAMPLES:
        command = shlex.split(os.environ['CC']) + ['-std=c11', '-Wall', '-Wextra']
        command += shlex.split(os.environ['GYRE_CFLAGS']) + [str(ROOT / 'samples' / f'{name}.c')]
        command += ['-o', str(folder / name)] + shlex.split(os.environ['GYRE_LIBS'])
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            return done.stdout
    return ''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(*command):
    """A server of ours; when the block ends it is interrupted and must end in good order."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        yield process
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=20)[0]
        if process.returncode not in (0, -signal.SIGINT):
            raise RuntimeError(f'{command[0]}: exit status {process.returncode}: {output}')
    finally:
        process.kill()
        process.wait()


def connect(port):
    """Connects as soon as somebody listens."""
    for _ in range(200):
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(('127.0.0.1', port), timeout=20)
        time.sleep(0.02)
    raise RuntimeError(f'nobody listens on port {port}')


def echoed(port, payload=PAYLOAD):
    """Sends everything, half-closes, and reads to the end."""
    with connect(port) as peer:
        sender = threading.Thread(target=lambda: (peer.sendall(payload),
                                                  peer.shutdown(socket.SHUT_WR)))
        sender.start()
        answer = bytearray()
        while data := peer.recv(65536):
            answer += data
        sender.join()
    return bytes(answer)


def check_sockets(port):
    if echoed(port) != PAYLOAD:
        return 'the echo differs'
    with connect(port) as peer:  # one that resets the connection with an answer on its way
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        peer.sendall(PAYLOAD[:10000])
    if echoed(port, b'still there') != b'still there':
        return 'no echo after a reset'
    return ''


def check_asyncio_client(port):
    async def talk():
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        for i in range(200):
            writer.write(b'line %d\n' % i)
            await writer.drain()
            if await reader.readline() != b'line %d\n' % i:
                return 'the echo differs'
        writer.write_eof()
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        return 'more than was sent' if rest else ''

    async def all_at_once():
        return [problem for problem in await asyncio.gather(*(talk() for _ in range(50))) if problem]

    return ' '.join(asyncio.run(asyncio.wait_for(all_at_once(), 30)))


def check_asyncio_server(client):
    async def serve():
        async def session(reader, writer):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(session, '127.0.0.1', 0)
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(str(client), '127.0.0.1', str(port),
                                                       stdout=subprocess.PIPE,
                                                       stderr=subprocess.STDOUT)
        output = (await asyncio.wait_for(process.communicate(), 20))[0].decode()
        server.close()
        if process.returncode or 'three' not in output:
            return f'exit status {process.returncode}: {output}'
        return ''

    return asyncio.run(serve())


def check_program(command, text):
    """A program that sends its input and prints what comes back."""
    try:
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=20)
    except subprocess.TimeoutExpired:
        return 'no end after 20 s'
    return '' if done.stdout == text else f'printed {done.stdout!r} {done.stderr!r}'


def check_curl_through_proxy(folder, report):
    """curl fetches a page from Python's web server through our proxy."""
    import http.server

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header('Content-Length', str(len(PAYLOAD)))
            self.end_headers()
            self.wfile.write(PAYLOAD)

        def log_message(self, *args):
            pass

    if not shutil.which('curl'):
        report.skip('curl through the proxy', 'curl is missing')
        return
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port()
        with running(folder / '26_proxy', port, '127.0.0.1', server.server_address[1]):
            connect(port).close()
            done = subprocess.run(['curl', '--silent', '--max-time', '20', '--noproxy', '*',
                                   f'http://127.0.0.1:{port}/'], stdout=subprocess.PIPE)
            problem = '' if done.stdout == PAYLOAD else f'curl: {done.returncode}, {len(done.stdout)} bytes'
        server.shutdown()
    report.check('curl through the proxy', problem)


def check_all(folder, report):
    port, proxy_port = free_port(), free_port()
    with running(folder / '20_echo_server', port):
        report.check('echo server, sockets', check_sockets(port))
        report.check('echo server, asyncio clients', check_asyncio_client(port))
        if shutil.which('nc'):
            report.check('echo server, nc',
                         check_program(['nc', '-q', '1', '127.0.0.1', str(port)], b'hello\n'))
        else:
            report.skip('echo server, nc', 'nc is missing')
        with running(folder / '26_proxy', proxy_port, '127.0.0.1', port):
            report.check('proxy, sockets', check_sockets(proxy_port))
            report.check('proxy, asyncio clients', check_asyncio_client(proxy_port))
    report.check('echo client, asyncio server', check_asyncio_server(folder / '21_echo_client'))
    check_curl_through_proxy(folder, report)


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        problem = build(folder)
        report.check('building the samples', problem)
        if not problem:
            check_all(folder, report)
    report.finish()


main()
