"""The HTTP client against servers that people run: Python's http.server (also over TLS), nginx, Node.

A small program made of <gyre/gyre.h> sends what it is told over one client; what it wrote down is
compared here. What is not installed is skipped.
"""

import contextlib
import gzip
import http.server
import os
import pathlib
import shlex
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from report import Report

PROBE = r'''
/* probe CACERT OUT METHOD URL [BODYFILE] ...: requests one after the other, over one client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gyre/gyre.h>

struct probe {
    gyre_frame frame;
    int argc;
    char **argv;
    gyre_http_client *client;
    gyre_tls_context *tls;
    gyre_http_response *response;
    FILE *in, *out;
    char *sent, *body, name[512];
    size_t sent_size, size;
    int i;
    int64_t n;
};

static void load(struct probe *self, const char *path)
{
    free(self->sent);
    self->sent = NULL;
    self->sent_size = 0;
    if (strcmp(path, "-") == 0)
        return;
    self->in = fopen(path, "rb");
    self->sent = malloc(100000000);
    self->sent_size = fread(self->sent, 1, 100000000, self->in);
    fclose(self->in);
}

static void keep(struct probe *self)
{
    const char *trailer = gyre_http_headers_get(gyre_http_response_trailers(self->response), "x-trailer");

    snprintf(self->name, sizeof(self->name), "%s/%d", self->argv[2], self->i);
    self->out = fopen(self->name, "wb");
    fwrite(self->body, 1, self->size, self->out);
    fclose(self->out);
    printf("%u %zu %s reused=%d decoded=%d trailer=%s\n", gyre_http_response_status(self->response),
           self->size, gyre_http_response_url(self->response),
           gyre_http_response_timing(self->response)->reused, gyre_http_response_decoded(self->response),
           trailer ? trailer : "");
}

GYRE_CORO(probe)
{
    GYRE_BEGIN;
    if (strcmp(self->argv[1], "-") != 0)
        self->n = gyre_tls_client_context(&(gyre_tls_options){.ca_file = self->argv[1]}, &self->tls);
    if (self->n >= 0)
        self->n = gyre_http_client_new(gyre_loop_current(), &(gyre_http_client_options){.tls = self->tls},
                                       &self->client);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    for (self->i = 0; 3 + 3 * self->i + 2 < self->argc; self->i++) {
        load(self, self->argv[3 + 3 * self->i + 2]);
        GYRE_AWAIT(self->n, gyre_http_send(self->client,
                                           &(gyre_http_request){.method = self->argv[3 + 3 * self->i],
                                                                .url = self->argv[3 + 3 * self->i + 1],
                                                                .body = self->sent,
                                                                .body_size = self->sent_size,
                                                                .expect_continue = self->sent_size > 1000000,
                                                                .timeouts.idle_ns = GYRE_SECONDS(20)},
                                           &self->response));
        if (self->n >= 0)
            GYRE_AWAIT(self->n, gyre_http_response_read_all(self->response, 0, &self->body, &self->size));
        if (self->n >= 0)
            keep(self);
        else
            printf("%s: %s\n", gyre_err_name(self->n), gyre_error_text(gyre_error_current()));
        gyre_free(self->body);
        self->body = NULL;
        GYRE_AWAIT(self->n, gyre_http_response_close(self->response));
        self->response = NULL;
        GYRE_TRY(gyre_sleep(GYRE_MS(5))); /* so that the connection is looked at before it is used again */
    }
    GYRE_FINALLY;
    free(self->sent);
    gyre_tls_context_unref(self->tls);
    GYRE_AWAIT(self->n, gyre_http_client_close(self->client));
    GYRE_END;
}

int main(int argc, char **argv)
{
    return GYRE_RUN(probe, .argc = argc, .argv = argv) < 0;
}
'''

LARGE = bytes(i * 7 % 251 for i in range(3_000_000))
TEXT = b'gyre and gimble in the wabe\n' * 5000
NGINX = '''
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ }}
http {{ access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fast;
 uwsgi_temp_path uwsgi; scgi_temp_path scgi; default_type text/plain;
 ssl_certificate {cert}; ssl_certificate_key {key};
 server {{ listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl; root {site};
  gzip on; gzip_types text/plain; gzip_min_length 10; keepalive_requests 3; client_max_body_size 1m;
  location /moved {{ return 301 /large; }}
  location /post {{ return 200 "taken\\n"; }} }} }}
'''
NODE = '''
const http = require('http');
const server = http.createServer((request, response) => {
    if (request.url === '/chunks') {
        response.writeHead(200, {'Trailer': 'X-Trailer'});
        let left = 50;
        const more = () => {
            if (left-- === 0) {
                response.addTrailers({'X-Trailer': 'the end'});
                return response.end();
            }
            response.write('chunk ' + left + '\\n', () => setImmediate(more));
        };
        return more();
    }
    if (request.url === '/moved') {
        response.writeHead(302, {'Location': '/echo'});
        return response.end('moved');
    }
    if (request.url === '/close') {
        response.writeHead(200, {'Connection': 'close'});
        return response.end('closing');
    }
    response.writeHead(200);
    request.pipe(response);
});
server.keepAliveTimeout = 5000;
server.listen(Number(process.argv[2]), '127.0.0.1');
'''


def build(folder):
    source = folder / 'probe.c'
    source.write_text(PROBE)
    command = shlex.split(os.environ['CC']) + ['-std=c11', '-Wall', '-Wextra', '-D_GNU_SOURCE']
    command += shlex.split(os.environ['GYRE_CFLAGS']) + [str(source), '-o', str(folder / 'probe')]
    command += shlex.split(os.environ['GYRE_LIBS'])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout if done.returncode else ''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def await_port(port):
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), timeout=5):
            return
        time.sleep(0.02)
    raise RuntimeError(f'nobody listens on port {port}')


def ask(folder, *requests, cacert='-'):
    """Sends (method, url, body) triples; gives a list of (line, body received)."""
    out = folder / 'out'
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    words = []
    for i, (method, url, body) in enumerate(requests):
        path = '-'
        if body is not None:
            path = folder / f'body{i}'
            path.write_bytes(body)
        words += [method, url, str(path)]
    done = subprocess.run([folder / 'probe', cacert, out, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f'probe: {done.returncode}: {done.stdout}')
    lines = done.stdout.splitlines()
    return [(line, (out / str(i)).read_bytes() if (out / str(i)).exists() else None)
            for i, line in enumerate(lines)]


def expect(answers, *wanted):
    """A problem, or '': each answer's line must contain the words, and have the body."""
    for i, (words, body) in enumerate(wanted):
        if i >= len(answers):
            return f'answer {i} is missing'
        line, got = answers[i]
        for word in words.split('|'):
            if word not in line:
                return f'answer {i}: no "{word}" in "{line}"'
        if body is not None and got != body:
            return f'answer {i}: another body ({len(got or b"")} bytes), {line}'
    return ''


# ---- Python ----

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *words):
        pass

    def answer(self, body, *headers):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == '/gzip' and 'gzip' in self.headers.get('Accept-Encoding', ''):
            self.answer(gzip.compress(TEXT), ('Content-Encoding', 'gzip'))
        elif self.path == '/eof':
            self.send_response(200)
            self.end_headers()
            self.wfile.write(LARGE)
            self.close_connection = True
        else:
            self.answer(LARGE)

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers['Content-Length'])))


class Old(Handler):
    protocol_version = 'HTTP/1.0'


@contextlib.contextmanager
def python_server(handler, cert=None):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    server.daemon_threads = True
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*cert)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f'{"https" if cert else "http"}://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check_python(report, folder, cert):
    requests = ('GET', '{}/', None), ('GET', '{}/gzip', None), ('POST', '{}/', LARGE), (
        'GET', '{}/eof', None)
    wanted = [('200|reused=0', LARGE), ('200|decoded=1|reused=1', TEXT), ('200|reused=1', LARGE),
              ('200|reused=1', LARGE)]
    for name, handler, own_cert in (('http.server', Handler, None), ('http.server over TLS', Handler, cert)):
        with python_server(handler, own_cert) as url:
            answers = ask(folder, *((m, u.format(url), b) for m, u, b in requests),
                          cacert=own_cert[0] if own_cert else '-')
            # Python ends a TLS connection without close_notify: such an end is no end of a body.
            end = ('GYRE_ETLSTRUNCATED', None) if own_cert else wanted[3]
            report.check(name, expect(answers, *wanted[:3], end))
    with python_server(Old) as url:
        answers = ask(folder, *((m, u.format(url), b) for m, u, b in requests))
        report.check('http.server, HTTP/1.0', expect(
            answers, ('200|reused=0', LARGE), ('200|decoded=1|reused=0', TEXT), ('200|reused=0', LARGE)))


# ---- nginx, Node ----

@contextlib.contextmanager
def running(folder, port, *command):
    process = subprocess.Popen([str(word) for word in command], cwd=folder, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        await_port(port)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def check_nginx(report, folder, cert):
    nginx = shutil.which('nginx', path=os.environ['PATH'] + ':/usr/sbin')
    if not nginx:
        report.skip('nginx', 'is not installed')
        return
    site = folder / 'site'
    site.mkdir()
    (site / 'large').write_bytes(LARGE)
    (site / 'text.txt').write_bytes(TEXT)
    os.chmod(folder, 0o755)
    port, tls_port = free_port(), free_port()
    (folder / 'nginx.conf').write_text(NGINX.format(port=port, tls_port=tls_port, site=site, cert=cert[0],
                                                    key=cert[1]))
    with running(folder, port, nginx, '-p', folder, '-c', folder / 'nginx.conf'):
        for name, base, cacert in (('nginx', f'http://127.0.0.1:{port}', '-'),
                                   ('nginx over TLS', f'https://127.0.0.1:{tls_port}', cert[0])):
            answers = ask(folder, ('GET', f'{base}/large', None), ('GET', f'{base}/text.txt', None),
                          ('GET', f'{base}/moved', None), ('GET', f'{base}/none', None),
                          ('HEAD', f'{base}/large', None), ('POST', f'{base}/post', b'a=b'),
                          ('POST', f'{base}/post', LARGE), cacert=cacert)
            report.check(name, expect(
                answers, ('200|reused=0', LARGE), ('200|decoded=1|reused=1', TEXT), ('200|/large', LARGE),
                ('404', None), ('200 0 ', b''), ('200', b'taken\n'), ('413', None)))


def check_node(report, folder):
    node = shutil.which('node')
    if not node:
        report.skip('Node', 'is not installed')
        return
    port = free_port()
    (folder / 'server.js').write_text(NODE)
    chunks = b''.join(b'chunk %d\n' % i for i in range(49, -1, -1))
    with running(folder, port, node, folder / 'server.js', port):
        base = f'http://127.0.0.1:{port}'
        answers = ask(folder, ('GET', f'{base}/chunks', None), ('POST', f'{base}/echo', LARGE),
                      ('POST', f'{base}/moved', b'x'), ('GET', f'{base}/close', None),
                      ('PUT', f'{base}/echo', b'again'))
        report.check('Node', expect(
            answers, ('200|trailer=the end|reused=0', chunks), ('200|reused=1', LARGE),
            ('200|/echo', b''), ('200', b'closing'), ('200|reused=0', b'again')))


def make_cert(folder):
    """A certificate for 127.0.0.1, or None."""
    cert, key = folder / 'cert.pem', folder / 'key.pem'
    command = ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
               '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=127.0.0.1', '-addext',
               'subjectAltName=IP:127.0.0.1']
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return None if done.returncode else (str(cert), str(key))


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        problem = build(folder)
        report.check('the probe compiles', problem)
        if not problem:
            cert = make_cert(folder) if shutil.which('openssl') else None
            if not cert:
                report.skip('TLS', 'the openssl command is not installed')
            else:
                check_python(report, folder, cert)
                check_nginx(report, folder, cert)
            check_node(report, folder)
    report.finish()


main()
