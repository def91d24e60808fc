// An origin that speaks HTTP/2 and HTTP/1.1, and writes a line of JSON for each request it got.
//
// node origin.js LOG [KEY CERTIFICATE]: over TLS with both, in DER, else HTTP/2 without TLS.
// Its port is the first line it prints.
const { createHash, createPrivateKey, X509Certificate } = require('node:crypto');
const { appendFileSync, readFileSync } = require('node:fs');
const http2 = require('node:http2');

const [log, keyFile, certFile] = process.argv.slice(2);
const note = (line) => appendFileSync(log, JSON.stringify(line) + '\n');
// The priorities of RFC 7540 are not looked at, so a client may speak of those of RFC 9218.
const settings = { customSettings: { 9: 1 } };
const server = keyFile ? http2.createSecureServer(tls()) : http2.createServer({ settings });

function tls() {
  const key = createPrivateKey({ key: readFileSync(keyFile), format: 'der', type: 'pkcs8' });
  const cert = new X509Certificate(readFileSync(certFile)).toString();
  return { key: key.export({ format: 'pem', type: 'pkcs8' }), cert, settings, allowHTTP1: true, requestCert: true, rejectUnauthorized: false };
}

const RESOURCES = 200;
const TYPES = ['text/css', 'text/javascript', 'image/svg+xml', 'application/json'];
const CONTENTS = [
  (n) => `.r${n} { color: black }`,
  (n) => `window.loaded += 1 // ${n}`,
  () => '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
  (n) => JSON.stringify({ n }),
];
const TAGS = [
  (n) => `<link rel="stylesheet" href="/r/${n}" onload="loaded += 1">`,
  (n) => `<script src="/r/${n}"></script>`,
  (n) => `<img src="/r/${n}" onload="loaded += 1">`,
  (n) => `<script>get('/r/${n}')</script>`,
];

// The page is loaded once the gate is, which opens when the page says that all else is done.
const PAGE = `<!doctype html><link rel="icon" href="data:,"><title>page</title>
<script>
var loaded = 0, echoed = 'nothing';
const get = (url) => fetch(url).then((answer) => answer.json()).then(() => { loaded += 1 });
const socket = new WebSocket('wss://' + location.host + '/socket');
socket.onopen = () => socket.send('ping');
socket.onmessage = (message) => { echoed = message.data; socket.close(1000) };
const timer = setInterval(() => {
  if (loaded < ${RESOURCES} || socket.readyState !== WebSocket.CLOSED) return;
  clearInterval(timer);
  document.body.textContent = loaded + ' loaded, ' + echoed + ' echoed';
  fetch('/done', { method: 'POST', body: 'done' });
}, 10);
</script>
<body><img src="/gate">
${Array.from({ length: RESOURCES }, (_, n) => TAGS[n % TAGS.length](n)).join('\n')}
`;

let gate;
const opened = new Promise((resolve) => { gate = resolve });

const routes = {
  advice: ({ stream }, response) => {
    stream.session.altsvc('h3=":443"; ma=60', stream.id);
    stream.session.altsvc('clear', 'https://other.test');
    stream.session.origin('https://one.test', 'https://two.test:8443');
    response.end('advised\n');
  },
  big: (_, response) => response.end(Buffer.alloc(8 << 20, 'b')),
  done: (_, response) => { response.end(); gate() },
  gate: (_, response) => opened.then(() => send(response, TYPES[2], CONTENTS[2]())),
  page: (_, response) => send(response, 'text/html', PAGE),
  r: (request, response) => {
    const n = Number(request.url.split('/')[2]);
    send(response, TYPES[n % TYPES.length], CONTENTS[n % TYPES.length](n));
  },
  who: ({ socket }, response) => {
    const { subject } = socket.getPeerCertificate();
    response.end(`${subject ? subject.CN : 'nobody'}\n`);
  },
  reset: (_, response) => response.stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM),
  rich: (_, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    response.setHeader('x-odd', 'a');
    response.addTrailers({ 'x-sum': 'b' });
    response.end('rich\n');
  },
};

function send(response, type, text) {
  response.setHeader('content-type', type);
  response.end(text);
}

server.on('request', (request, response) => {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (data) => { bytes += data.length; hash.update(data) });
  request.on('end', () => {
    response.sendDate = false;
    const { httpVersion: version, method, url, rawHeaders: headers } = request;
    note({ version, method, url, headers, bytes, sha256: hash.digest('hex') });
    const route = routes[url.split('/')[1]];
    if (route) route(request, response);
    else response.end(`${method} ${url} by HTTP/${version}, ${bytes} bytes\n`);
  });
});

// Sends each message back, up to 125 bytes, and closes as it is asked to (RFC 6455).
server.on('upgrade', (request, socket) => {
  note({ version: request.httpVersion, method: request.method, url: request.url, headers: request.rawHeaders });
  const magic = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = createHash('sha1').update(magic).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  let held = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    held = Buffer.concat([held, data]);
    while (held.length >= 6 && held.length >= 6 + (held[1] & 127)) {
      const size = held[1] & 127;
      const frame = Buffer.concat([Buffer.from([held[0], size]), held.subarray(6, 6 + size)]);
      for (let i = 0; i < size; i += 1) frame[2 + i] ^= held[2 + (i % 4)];
      held = held.subarray(6 + size);
      if ((frame[0] & 15) === 8) socket.end(frame);
      else socket.write(frame);
    }
  });
});

// On one of the two addresses that `localhost` means: the other one refuses, and clients go on.
server.listen(0, process.env.ORIGIN_IP, () => console.log(server.address().port));
