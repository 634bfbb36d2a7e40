"""gyre-fetch against servers that people run: nginx, Apache, Python, Node, Go, gyre-httpd.

check_fetch_servers.py PROGRAM. Each serves one folder; what is not installed is skipped. All are
asked the same: many files, a large one, one that is missing, the rest of one that is there in part.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from report import Report

PROGRAM = os.path.abspath(sys.argv[1])
FILES = {f'{i}.txt': b'%d gyre\n' % i * (i * 97 % 3000) for i in range(200)}
LARGE = bytes(range(256)) * 40000
NGINX = '''
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ }}
http {{ access_log off; server {{ listen 127.0.0.1:{port}; root {site}; }} }}
'''
APACHE = '''
ServerRoot {folder}
PidFile apache.pid
ServerName localhost
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
ErrorLog error.log
DocumentRoot {site}
'''
# Node has no file server of its own: chunks, and no ranges.
NODE = '''
const http = require('http'), fs = require('fs'), path = require('path');
http.createServer((request, response) => {
    const file = fs.createReadStream(path.join(process.argv[2], path.basename(request.url)));
    file.on('error', () => { response.statusCode = 404; response.end('no'); });
    file.pipe(response);
}).listen(+process.argv[1], '127.0.0.1');
'''
GO = '''
package main
import ("net/http"; "os")
func main() {
    panic(http.ListenAndServe("127.0.0.1:" + os.Args[1], http.FileServer(http.Dir(os.Args[2]))))
}
'''


def command(name, folder, site, port):
    """How to start a server, or why it cannot be: a text."""
    if name == 'python':
        return [sys.executable, '-m', 'http.server', '--bind', '127.0.0.1', '--protocol',
                'HTTP/1.1', '--directory', site, str(port)]
    if name.startswith('gyre-httpd'):
        program = pathlib.Path(os.environ.get('GYRE_BUILD', '.'), 'samples', 'httpd', 'gyre-httpd')
        if not program.exists():
            return f'no {program}'
        words = [program, '--bind', '127.0.0.1', '--port', str(port), site]
        if name == 'gyre-httpd':
            return words
        if not shutil.which('openssl'):
            return 'no openssl'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:P-256', '-nodes', '-keyout', folder / 'key', '-out',
                        folder / 'cert', '-subj', '/CN=gyre', '-addext',
                        'subjectAltName=IP:127.0.0.1'], stderr=subprocess.DEVNULL, check=True)
        return [*words, '--cert', folder / 'cert', '--key', folder / 'key']
    binaries = {'nginx': 'nginx', 'apache': 'apache2', 'node': 'node', 'go': 'go'}
    binary = shutil.which(binaries[name]) or shutil.which(binaries[name], path='/usr/sbin')
    if not binary:
        return f'no {binaries[name]}'
    if name == 'nginx':
        (folder / 'nginx.conf').write_text(NGINX.format(port=port, site=site))
        return [binary, '-p', folder, '-c', 'nginx.conf', '-e', 'stderr']
    if name == 'apache':
        (folder / 'apache.conf').write_text(
            APACHE.format(port=port, site=site, folder=folder, modules='/usr/lib/apache2/modules'))
        return [binary, '-X', '-f', folder / 'apache.conf']
    if name == 'node':
        return [binary, '-e', NODE, str(port), site]
    (folder / 'serve.go').write_text(GO)
    built = subprocess.run([binary, 'build', '-o', folder / 'serve', folder / 'serve.go'],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           env={**os.environ, 'GOCACHE': str(folder / 'cache')})
    return built.stdout or [folder / 'serve', str(port), site]


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(words, port, log):
    with open(log, 'wb') as told:
        process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=told, cwd=log.parent)
    try:
        for _ in range(400):
            if process.poll() is not None:
                raise OSError(f'it ended: {log.read_text()}')
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1):
                break
            time.sleep(0.025)
        yield
    finally:
        process.kill()
        process.wait()


def fetch(status, *words):
    done = subprocess.run([PROGRAM, '--json', *map(str, words)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == status, f'exit status {done.returncode}: {done.stderr[-1000:]}'
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask(base, out, *words):
    fetch(0, *words, '-c', 20, '-o', out, *[f'{base}/{name}' for name in FILES])
    for name, wanted in FILES.items():
        assert (out / name).read_bytes() == wanted, f'{name} differs'
    fetch(0, *words, '-o', out, f'{base}/large')
    assert (out / 'large').read_bytes() == LARGE
    missing, = fetch(1, *words, '-o', out, f'{base}/missing')
    assert missing['status'] == 404 and not (out / 'missing').exists()


def ask_for_the_rest(base, out, *words):
    """A limit on file sizes leaves a part; another run must go on from there."""
    (out / 'large').unlink()
    limited = ['prlimit', '--fsize=3000000', PROGRAM, *words, '-s', '--resume', '-o', out]
    subprocess.run([*limited, f'{base}/large'], stderr=subprocess.DEVNULL)
    assert (out / 'large.part').stat().st_size == 3000000
    result, = fetch(0, *words, '--resume', '-o', out, f'{base}/large')
    assert (out / 'large').read_bytes() == LARGE and not (out / 'large.part').exists()
    return result['resumed']


def main():
    report = Report()
    for name in 'nginx', 'apache', 'python', 'node', 'go', 'gyre-httpd', 'gyre-httpd with TLS':
        with tempfile.TemporaryDirectory(prefix='gyre-fetch-') as folder:
            os.chmod(folder, 0o755)
            folder = pathlib.Path(folder)
            site, port = folder / 'site', free_port()
            site.mkdir()
            for file, data in [*FILES.items(), ('large', LARGE)]:
                (site / file).write_bytes(data)
                os.utime(site / file, (1600000000, 1600000000))
            words = command(name, folder, site, port)
            if isinstance(words, str):
                report.skip(name, words)
                continue
            asked = [f'http://127.0.0.1:{port}', folder / 'out']
            if name.endswith('TLS'):
                asked = [f'https://127.0.0.1:{port}', folder / 'out', '--cacert', folder / 'cert']
            try:
                with running(words, port, folder / 'log'):
                    ask(*asked)
                    report.check(name, '')
                    if not shutil.which('prlimit'):
                        report.skip(f'{name}, resuming', 'no prlimit')
                        continue
                    resumed = ask_for_the_rest(*asked)
                    knows_ranges = name not in ('python', 'node')
                    report.check(f'{name}, resuming', '' if resumed == 3000000 * knows_ranges else
                                 f'went on from {resumed}')
            except (AssertionError, OSError, subprocess.SubprocessError, ValueError) as problem:
                report.check(name, f'{type(problem).__name__}: {problem}')
    report.finish()


main()
