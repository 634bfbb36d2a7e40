"""A web site for check_fetch.py, in a thread: paths say how it shall behave.

    /file/SIZE[/NAME]          that many bytes, with an ETag; knows Range and If-Range
    /chunked/SIZE/NAME         the same in chunks, nothing more
    /slow/SIZE/SECONDS/NAME    the same, in so many seconds
    /cut/SIZE/TIMES/NAME       breaks off in the middle so many times; knows Range
    /blunt/SIZE/TIMES/NAME     the same without ETag and Range
    /status/CODE[/...]         that status
    /flaky/TIMES/CODE/NAME     that status so many times, then a file
    /later/SECONDS/NAME        429 with Retry-After, then a file
    /drop/TIMES/NAME           closes without a word so many times, then a file
    /redirect/TIMES            redirects so many times
    /to?URL                    redirects there
    /headers                   the request's head
    /hang                      nothing, ever
    /odd                       a status line with control characters in its reason
"""

import asyncio
import collections
import http
import re
import ssl
import threading

MODIFIED = 'Sat, 01 Aug 2020 10:00:00 GMT'


def content(size):
    """The same bytes for the same size."""
    return (b'%d bytes of gyre\n' % size * (size // 12 + 1))[:size]


class Site:
    def __init__(self, certificate=None):
        self.version = 1                       # a new one gives every file another ETag
        self.requests = []                     # (path, headers by lower-case name)
        self.counts = collections.Counter()    # of requests, by path
        self.open = self.most_open = 0         # requests under way
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda *_: None)  # clients that go away are the point
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        self.server = self.loop.run_until_complete(asyncio.start_server(
            self.serve, '127.0.0.1', 0, backlog=1000, ssl=context))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.scheme = 'https' if certificate else 'http'

    def url(self, path):
        return f'{self.scheme}://127.0.0.1:{self.port}{path}'

    def forget(self):
        self.requests.clear()
        self.counts.clear()
        self.most_open = 0

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b'\r\n\r\n')).decode('latin-1')
                lines = head.split('\r\n')
                path = lines[0].split(' ')[1]
                headers = {name.lower(): value.strip() for name, _, value in
                           (line.partition(':') for line in lines[1:] if line)}
                self.requests.append((path, headers))
                self.counts[path] += 1
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                try:
                    if not await self.answer(writer, path, headers, head):
                        break
                finally:
                    self.open -= 1
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def answer(self, writer, path, headers, head):
        """False if the connection is to end."""
        kind, *words = path[1:].split('?')[0].split('/')
        count = self.counts[path]
        if kind == 'file':
            self.send_file(writer, int(words[0]), headers)
        elif kind == 'chunked':
            self.send_head(writer, 200, 'Transfer-Encoding: chunked')
            body = content(int(words[0]))
            for i in range(0, len(body), 1000):
                writer.write(b'%x\r\n%s\r\n' % (len(body[i:i + 1000]), body[i:i + 1000]))
            writer.write(b'0\r\n\r\n')
        elif kind == 'slow':
            await self.send_slowly(writer, int(words[0]), float(words[1]), headers)
        elif kind in ('cut', 'blunt') and count <= int(words[1]):
            self.send_file(writer, int(words[0]), headers, kind == 'blunt', cut=True)
            await writer.drain()
            return False
        elif kind in ('cut', 'blunt'):
            self.send_file(writer, int(words[0]), headers, kind == 'blunt')
        elif kind == 'status':
            self.send_text(writer, int(words[0]), 'no')
        elif kind == 'flaky' and count <= int(words[0]):
            self.send_text(writer, int(words[1]), 'no')
        elif kind == 'later' and count <= 1:
            self.send_text(writer, 429, 'later', f'Retry-After: {words[0]}')
        elif kind == 'drop' and count <= int(words[0]):
            return False
        elif kind in ('flaky', 'later', 'drop'):
            self.send_file(writer, 1000, headers)
        elif kind == 'redirect':
            times = int(words[0])
            self.send_text(writer, 302, 'go on', f'Location: /redirect/{times - 1}' if times > 1
                           else 'Location: /file/1000/end')
        elif kind == 'to':
            self.send_text(writer, 302, 'go on', 'Location: ' + path.split('?')[1])
        elif kind == 'headers':
            self.send_text(writer, 200, head)
        elif kind == 'hang':
            await asyncio.sleep(3600)
        elif kind == 'odd':
            writer.write(b'HTTP/1.1 404 \xff\xfe\t\xc2\x9b31mred\r\nContent-Length: 0\r\n\r\n')
        else:
            self.send_text(writer, 404, 'no')
        await writer.drain()
        return True

    def send_head(self, writer, status, *headers):
        lines = [f'HTTP/1.1 {status} {http.HTTPStatus(status).phrase}',
                 'Date: Sat, 01 Aug 2020 12:00:00 GMT', *headers]
        writer.write(('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1'))

    def send_text(self, writer, status, text, *headers):
        self.send_head(writer, status, f'Content-Length: {len(text)}', *headers)
        writer.write(text.encode('latin-1'))

    def tag(self):
        return f'"v{self.version}"'

    def part(self, size, headers):
        """First byte and status of the answer."""
        asked = re.fullmatch(r'bytes=(\d+)-', headers.get('range', ''))
        if not asked or headers.get('if-range', self.tag()) != self.tag():
            return 0, 200
        first = int(asked[1])
        return (first, 206) if first < size else (0, 416)

    def send_file_head(self, writer, size, headers):
        first, status = self.part(size, headers)
        extra = [f'Content-Range: bytes {first}-{size - 1}/{size}'] if status == 206 else []
        extra += [f'Content-Range: bytes */{size}'] if status == 416 else []
        length = 0 if status == 416 else size - first
        self.send_head(writer, status, f'Content-Length: {length}', f'ETag: {self.tag()}',
                       f'Last-Modified: {MODIFIED}', *extra)
        return content(size)[first:] if length else b''

    def send_file(self, writer, size, headers, blunt=False, cut=False):
        if blunt:
            self.send_head(writer, 200, f'Content-Length: {size}')
            body = content(size)
        else:
            body = self.send_file_head(writer, size, headers)
        writer.write(body[:len(body) // 2] if cut else body)

    async def send_slowly(self, writer, size, seconds, headers):
        body = self.send_file_head(writer, size, headers)
        steps = max(1, int(seconds / 0.02))
        step = len(body) // steps + 1
        for i in range(0, len(body), step):
            writer.write(body[i:i + step])
            await writer.drain()
            await asyncio.sleep(seconds / steps)
