// Opens a WebSocket over HTTP/2 (RFC 8441), and sends and receives one message.
//
// Argument: the URL, http or https.
'use strict';
const http2 = require('http2');
const url = new URL(process.argv[2]);
const frame = (first, payload) => {
  const [key, bytes] = [Buffer.from([1, 2, 3, 4]), Buffer.from(payload)];
  const head = Buffer.from([first, 0x80 | bytes.length]);
  return Buffer.concat([head, key, bytes.map((byte, at) => byte ^ key[at % 4])]);
};

const session = http2.connect(url.origin);
session.on('error', error => { console.error(error); process.exitCode = 1; });
session.on('remoteSettings', settings => {
  if (!settings.enableConnectProtocol) {
    console.error('the server takes no WebSocket');
    process.exitCode = 1;
    session.close();
    return;
  }
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': url.pathname,
    'sec-websocket-version': '13', origin: url.origin,
  });
  let heard = Buffer.alloc(0);
  stream.on('response', headers => {
    if (headers[':status'] !== 200) { console.error(headers); process.exitCode = 1; }
    stream.write(frame(0x81, 'hello there, hello there, hello there'));
  });
  stream.on('data', data => {
    const before = heard.length;
    heard = Buffer.concat([heard, data]);
    if (before < 39 && heard.length >= 39) {
      process.stdout.write(heard.subarray(2, 39));
      stream.write(frame(0x88, Buffer.concat([Buffer.from([0x0b, 0xb9]), Buffer.from('done')])));
    }
    // The server's Close, which has the same status and reason.
    if (heard.length >= 39 + 8) stream.end();
  });
  stream.on('close', () => session.close());
});
