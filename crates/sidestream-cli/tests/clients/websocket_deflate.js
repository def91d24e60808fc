// Both ends of a WebSocket in a stream of HTTP/2, with permessage-deflate and context takeover.
//
// Arguments: `origin`, or `client`, a URL, and whether to compress.
'use strict';
const http2 = require('http2');
const zlib = require('zlib');
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

class Socket {
  constructor(stream, masks, deflates) {
    Object.assign(this, { stream, masks, kept: Buffer.alloc(0), parts: null, queue: Promise.resolve() });
    this.deflater = deflates && zlib.createDeflateRaw();
    this.inflater = deflates && zlib.createInflateRaw();
    stream.on('data', data => this.take(data));
  }

  // Runs what is fed through one coder, whose state stays for the next message.
  code(coder, input) {
    return new Promise((resolve, reject) => {
      const out = [];
      const listen = data => out.push(data);
      coder.on('data', listen).once('error', reject);
      coder.write(input, () => coder.flush(zlib.constants.Z_SYNC_FLUSH, () => {
        coder.off('data', listen).off('error', reject);
        resolve(Buffer.concat(out));
      }));
    });
  }

  frame(first, payload) {
    const head = payload.length < 126
      ? Buffer.from([first, payload.length])
      : Buffer.from([first, 126, payload.length >> 8, payload.length & 0xff]);
    if (!this.masks) return this.stream.write(Buffer.concat([head, payload]));
    head[1] |= 0x80;
    const key = Buffer.from([1, 2, 3, 4]);
    this.stream.write(Buffer.concat([head, key, payload.map((byte, at) => byte ^ key[at % 4])]));
  }

  // Sends a text in two fragments with a ping between.
  async send(text) {
    let payload = Buffer.from(text);
    if (this.deflater) payload = (await this.code(this.deflater, payload)).subarray(0, -4);
    const middle = payload.length >> 1;
    this.frame(this.deflater ? 0x41 : 0x01, payload.subarray(0, middle));
    this.frame(0x89, Buffer.from('between'));
    this.frame(0x80, payload.subarray(middle));
  }

  take(data) {
    this.kept = Buffer.concat([this.kept, data]);
    for (;;) {
      if (this.kept.length < 2) return;
      const [first, second] = this.kept;
      const extended = (second & 0x7f) === 126 ? 2 : 0;
      const start = 2 + extended + (second & 0x80 ? 4 : 0);
      if (this.kept.length < start) return;
      const length = extended ? this.kept.readUInt16BE(2) : second & 0x7f;
      if (this.kept.length < start + length) return;
      const key = this.kept.subarray(start - 4, start);
      let payload = this.kept.subarray(start, start + length);
      if (second & 0x80) payload = payload.map((byte, at) => byte ^ key[at % 4]);
      this.kept = this.kept.subarray(start + length);
      this.queue = this.queue.then(() => this.framed(first, Buffer.from(payload)));
    }
  }

  async framed(first, payload) {
    if ((first & 0x0f) === 9) return this.frame(0x8a, payload);
    if ((first & 0x0f) === 10) return this.ponged?.(payload);
    if ((first & 0x0f) === 8) return this.closed(payload);
    if (first & 0x0f) this.parts = { compressed: first & 0x40, all: [] };
    this.parts.all.push(payload);
    if (!(first & 0x80)) return;
    let content = Buffer.concat(this.parts.all);
    if (this.parts.compressed) {
      content = await this.code(this.inflater, Buffer.concat([content, TAIL]));
    }
    await this.came(content.toString());
  }
}

function origin() {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const deflates = (headers['sec-websocket-extensions'] || '').includes('permessage-deflate');
    stream.respond({ ':status': 200, ...(deflates && { 'sec-websocket-extensions': 'permessage-deflate' }) });
    const socket = new Socket(stream, false, deflates);
    socket.came = text => socket.send(`heard ${text}`);
    socket.closed = payload => { socket.frame(0x88, payload); stream.end(); };
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}

function client(url, deflates) {
  const { origin: authority, pathname } = new URL(url);
  const session = http2.connect(authority);
  session.on('error', error => { console.error(error); process.exitCode = 1; });
  session.once('remoteSettings', function opened(settings) {
    if (!settings.enableConnectProtocol) return session.once('remoteSettings', opened);
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': pathname,
      'sec-websocket-version': '13',
      ...(deflates && { 'sec-websocket-extensions': 'permessage-deflate' }),
    });
    stream.on('response', async () => {
      const socket = new Socket(stream, true, deflates);
      const words = ['one secret and more words', 'two words and more words', 'two words and more words', 'a secret', 'two words and more words'];
      let pongs = 0;
      socket.ponged = () => { pongs += 1; };
      socket.closed = () => stream.end();
      socket.came = text => {
        console.log(text);
        const next = words.shift();
        if (next) return socket.send(next);
        console.log(`${pongs} pongs`);
        socket.frame(0x88, Buffer.from([3, 232]));
      };
      await socket.send(words.shift());
    });
    stream.on('close', () => session.close());
  });
}

if (process.argv[2] === 'origin') origin();
else client(process.argv[3], process.argv[4] === 'true');
