// node's http, which says of each request what it read.
const server = require('node:http').createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = Buffer.concat(pieces).toString('hex');
    response.setHeader('X-Read', `${request.method} ${request.url} ${body}`);
    response.setHeader('Content-Length', 0);
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
