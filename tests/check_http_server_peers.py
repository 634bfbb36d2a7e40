"""The HTTP server with clients that people run: curl, Python's http.client, wrk, nginx in front of it.

A small program made of <gyre/gyre.h> serves; what each client got is compared. What is not
installed is skipped.
"""

import contextlib
import hashlib
import http.client
import os
import pathlib
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

from report import Report

SITE = r'''
/* site DIRECTORY [CERT KEY]: says its port, serves until SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <gyre/gyre.h>

struct echo {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    char buffer[16384];
    int64_t n;
};
GYRE_CORO(echo)
{
    GYRE_BEGIN;
    self->n = gyre_http_start(self->exchange, 200, "application/octet-stream", -1);
    gyre_http_add_trailer(self->exchange, "X-End", "reached");
    do {
        GYRE_TRY(self->n, gyre_http_read(self->exchange, self->buffer, sizeof(self->buffer)));
        GYRE_TRY(gyre_http_write(self->exchange, self->buffer, (size_t)self->n));
    } while (self->n > 0);
    GYRE_END;
}

struct slow {
    gyre_frame frame;
    gyre_http_exchange *exchange;
};
GYRE_CORO(slow)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(300)));
    GYRE_TRY(gyre_http_respond(self->exchange, 200, "text/plain", "at last\n", 8));
    GYRE_END;
}

static int64_t on_term(gyre_loop *loop, void *task)
{
    (void)loop;
    gyre_task_cancel(task);
    return 0;
}

struct serve {
    gyre_frame frame;
    char **argv;
    gyre_tls_context *tls;
    gyre_http_files *files;
    gyre_http_router *router;
    gyre_http_server *server;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    gyre_loop_add_signal_handler(gyre_loop_current(), SIGTERM, on_term, gyre_task_current());
    self->rc = gyre_http_files_new(self->argv[1], &(gyre_http_files_options){.listing = true}, &self->files);
    if (self->rc >= 0 && self->argv[2])
        self->rc = gyre_tls_server_context(
            &(gyre_tls_options){.cert_file = self->argv[2], .key_file = self->argv[3]}, &self->tls);
    if (self->rc >= 0)
        self->rc = gyre_http_router_new(&self->router);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_HTTP_ROUTE(self->router, "POST", "/echo", echo);
    GYRE_HTTP_ROUTE(self->router, "PUT", "/echo", echo);
    GYRE_HTTP_ROUTE(self->router, "GET", "/slow", slow);
    GYRE_HTTP_ROUTE(self->router, NULL, "/:path*", gyre_http_serve, .files = self->files);
    self->rc = GYRE_START_HTTP_SERVER(
        &self->server,
        ((gyre_http_server_options){.listen = {.host = "127.0.0.1", .tls = self->tls},
                                    .max_body = GYRE_HTTP_NO_LIMIT}),
        gyre_http_route, .router = self->router);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    printf("%u\n", gyre_http_server_port(self->server));
    fflush(stdout);
    GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    GYRE_FINALLY;
    if (self->server)
        GYRE_AWAIT(self->rc, gyre_http_server_stop(self->server, GYRE_SECONDS(5)));
    gyre_http_server_free(self->server);
    gyre_http_router_free(self->router);
    gyre_http_files_free(self->files);
    gyre_tls_context_unref(self->tls);
    GYRE_END;
}

int main(int argc, char **argv)
{
    int64_t rc = argc > 1 ? GYRE_RUN(serve, .argv = argv) : -1;

    if (rc < 0 && rc != GYRE_ECANCELLED)
        fprintf(stderr, "site: %s\n", gyre_strerror(rc));
    return rc < 0 && rc != GYRE_ECANCELLED;
}
'''
BIG = bytes(i * 7 % 251 for i in range(5_000_000))
NGINX = '''daemon off; pid {d}/pid; error_log {d}/err;
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f;
 uwsgi_temp_path {d}/u; scgi_temp_path {d}/s; client_max_body_size 0;
 upstream ours {{ server 127.0.0.1:{port}; keepalive 4; }}
 server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://ours; proxy_http_version 1.1;
  proxy_set_header Connection ""; proxy_request_buffering off; }} }} }}
'''


def build(folder):
    """The program as a user would build it; gives the compiler's complaint, or ''."""
    (folder / 'site.c').write_text(SITE)
    command = shlex.split(os.environ['CC']) + ['-std=c11', '-Wall', '-Wextra']
    command += shlex.split(os.environ['GYRE_CFLAGS']) + [str(folder / 'site.c')]
    command += ['-o', str(folder / 'site')] + shlex.split(os.environ['GYRE_LIBS'])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout if done.returncode else ''


@contextlib.contextmanager
def serving(folder, *more):
    """The site on a port of its own; when the block ends it is asked to end and must do so in good order."""
    process = subprocess.Popen([str(folder / 'site'), str(folder / 'www'), *map(str, more)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
        if process.returncode or output:
            raise RuntimeError(f'the site: exit status {process.returncode}: {output}')
    finally:
        process.kill()
        process.wait()


def curl(*words, send=None):
    done = subprocess.run(['curl', '--silent', '--show-error', '--max-time', '20', '--noproxy', '*', *words],
                          input=send, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.stdout if done.returncode == 0 else done.stderr


def differs(got, expected):
    if got == expected:
        return ''
    return f'got {len(got)} bytes, {hashlib.md5(got).hexdigest()}: {got[:200]!r}'


def check_curl(report, base, folder):
    report.check('curl: a file', differs(curl(f'{base}/big.bin'), BIG))
    report.check('curl: HTTP/1.0', differs(curl('--http1.0', f'{base}/big.bin'), BIG))
    report.check('curl: a range', differs(curl('-r', '1000-2999', f'{base}/big.bin'), BIG[1000:3000]))
    report.check('curl: HEAD', differs(curl('-I', '-w', '%{http_code} %header{content-length}', '-o', '/dev/null',
                                            f'{base}/big.bin'), b'200 5000000'))
    report.check('curl: a body after 100 Continue',
                 differs(curl('--data-binary', '@-', '-H', 'Expect: 100-continue', f'{base}/echo', send=BIG), BIG))
    report.check('curl: a body in chunks',
                 differs(curl('-T', '-', '-H', 'Transfer-Encoding: chunked', f'{base}/echo', send=BIG), BIG))
    report.check('curl: one connection for three requests',
                 differs(curl('-w', '%{num_connects} ', '-o', os.devnull, f'{base}/a.txt', '-o', os.devnull,
                              f'{base}/missing', '-o', os.devnull, f'{base}/a.txt'), b'1 0 0 '))
    etag = folder / 'etag'
    curl('--etag-save', str(etag), '-o', os.devnull, f'{base}/a.txt')
    report.check('curl: a file that it has', differs(curl('--etag-compare', str(etag), '-w', '%{http_code}',
                                                          f'{base}/a.txt'), b'304'))
    part = folder / 'part'
    part.write_bytes(BIG[:1_234_567])
    curl('-C', '-', '-o', str(part), f'{base}/big.bin')
    report.check('curl: resumed', differs(part.read_bytes(), BIG))


def check_python(report, make):
    peer = make()
    problem = ''
    for i in range(100):
        peer.request('GET', f'/a.txt?{i}')
        problem = problem or differs(peer.getresponse().read(), b'0123456789')
    report.check('http.client: a hundred requests', problem)
    peer.request('POST', '/echo', body=iter([b'one', b'two', BIG]), encode_chunked=True)
    report.check('http.client: chunks', differs(peer.getresponse().read(), b'onetwo' + BIG))
    peer.request('GET', '/')
    report.check('http.client: a listing', '' if b'./big.bin' in peer.getresponse().read() else 'no big.bin')
    peer.close()


def check_graceful(report, folder):
    """A request that is under way when the server is asked to end is answered."""
    got = []
    with serving(folder) as port:
        def ask():
            peer = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
            peer.request('GET', '/slow')
            got.append(peer.getresponse().read())

        asker = threading.Thread(target=ask)
        asker.start()
        asker.join(0.1)  # long enough to be accepted; the answer takes three times as long
    asker.join()
    report.check('SIGTERM under a request', differs(b''.join(got), b'at last\n'))


def check_wrk(report, base):
    if not shutil.which('wrk'):
        report.skip('wrk', 'wrk is missing')
        return
    output = subprocess.run(['wrk', '-t1', '-c64', '-d1', f'{base}/a.txt'], stdout=subprocess.PIPE,
                            text=True).stdout
    bad = 'Non-2xx' in output or 'Socket errors' in output or ' 0 requests' in output
    report.check('wrk', output if bad or 'requests in' not in output else '')


def check_nginx(report, folder, port):
    if not shutil.which('nginx'):
        report.skip('nginx in front', 'nginx is missing')
        return
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        front = probe.getsockname()[1]
    (folder / 'nginx.conf').write_text(NGINX.format(d=folder, port=port, front=front))
    process = subprocess.Popen(['nginx', '-p', str(folder), '-c', str(folder / 'nginx.conf')],
                               stderr=subprocess.DEVNULL)
    try:
        base = f'http://127.0.0.1:{front}'
        curl('--retry', '50', '--retry-connrefused', '--retry-delay', '0', '--retry-max-time', '10',
             '-o', os.devnull, f'{base}/a.txt')
        report.check('nginx in front: a file', differs(curl(f'{base}/big.bin'), BIG))
        report.check('nginx in front: chunks both ways',
                     differs(curl('-T', '-', '-H', 'Transfer-Encoding: chunked', f'{base}/echo', send=BIG), BIG))
        report.check('nginx in front: ten at once',
                     differs(curl('--parallel', *[word for _ in range(10) for word in (f'{base}/a.txt',)]),
                             b'0123456789' * 10))
    finally:
        process.terminate()
        process.wait()


def check_tls(report, folder):
    cert, key = folder / 'cert.pem', folder / 'key.pem'
    if not shutil.which('openssl'):
        report.skip('HTTPS', 'openssl is missing')
        return
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', str(key), '-out',
                    str(cert), '-days', '2', '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=IP:127.0.0.1'], check=True, stderr=subprocess.DEVNULL)
    with serving(folder, cert, key) as port:
        base = f'https://127.0.0.1:{port}'
        if shutil.which('curl'):
            report.check('HTTPS, curl: a file', differs(curl('--cacert', str(cert), f'{base}/big.bin'), BIG))
            report.check('HTTPS, curl: a body', differs(curl('--cacert', str(cert), '--data-binary', '@-',
                                                             f'{base}/echo', send=BIG), BIG))
        context = ssl.create_default_context(cafile=str(cert))
        check_python(report, lambda: http.client.HTTPSConnection('127.0.0.1', port, context=context, timeout=20))


def check_all(report, folder):
    with serving(folder) as port:
        base = f'http://127.0.0.1:{port}'
        if shutil.which('curl'):
            check_curl(report, base, folder)
            check_nginx(report, folder, port)
        else:
            report.skip('curl', 'curl is missing')
        check_python(report, lambda: http.client.HTTPConnection('127.0.0.1', port, timeout=20))
        check_wrk(report, base)
    check_graceful(report, folder)
    check_tls(report, folder)


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / 'www').mkdir()
        (folder / 'www' / 'a.txt').write_text('0123456789')
        (folder / 'www' / 'big.bin').write_bytes(BIG)
        problem = build(folder)
        report.check('building the site', problem)
        if not problem:
            check_all(report, folder)
    report.finish()


main()
