// An origin of HTTP/2 that answers each WebSocket message with the same (RFC 8441).
//
// Arguments: a key and a certificate in DER, or none for an origin without TLS. It prints its port.
'use strict';
const fs = require('fs');
const http2 = require('http2');
const pem = (label, path) =>
  `-----BEGIN ${label}-----\n${fs.readFileSync(path).toString('base64')}\n-----END ${label}-----\n`;

const settings = { enableConnectProtocol: true };
const [key, cert] = process.argv.slice(2);
const server = key
  ? http2.createSecureServer({ key: pem('PRIVATE KEY', key), cert: pem('CERTIFICATE', cert), settings })
  : http2.createServer({ settings });

server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  if (headers[':protocol'] !== 'websocket' || headers['sec-websocket-key']) {
    stream.respond({ ':status': 400 }, { endStream: true });
    return;
  }
  stream.respond({ ':status': 200 });
  let kept = Buffer.alloc(0);
  stream.on('data', data => {
    kept = Buffer.concat([kept, data]);
    // Frames of up to 125 bytes, all of them masked.
    while (kept.length >= 6 && kept.length >= 6 + (kept[1] & 0x7f)) {
      const [first, length] = [kept[0], kept[1] & 0x7f];
      const payload = kept.subarray(6, 6 + length).map((byte, at) => byte ^ kept[2 + at % 4]);
      kept = kept.subarray(6 + length);
      stream.write(Buffer.concat([Buffer.from([first, length]), payload]));
      if ((first & 0x0f) === 8) stream.end();
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
