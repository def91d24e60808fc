// Does one HTTP ask of the lab by fetch, which comes as JSON on standard input, and prints the
// answer as JSON.
let text = '';
for await (const piece of process.stdin) text += piece;
const ask = JSON.parse(text).http;
const answer = { status: null, version: null, fields: [], content: '', trouble: null, said: '' };
const troubles = {
  ECONNREFUSED: 'refused', ECONNRESET: 'reset', EPIPE: 'reset', ENOTFOUND: 'no-name',
  EAI_AGAIN: 'no-name', EHOSTUNREACH: 'unreachable', ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timed-out', UND_ERR_CONNECT_TIMEOUT: 'timed-out', UND_ERR_SOCKET: 'cut-short',
  UND_ERR_BODY_TIMEOUT: 'timed-out', SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted', UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted', CERT_HAS_EXPIRED: 'untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'untrusted',
};
try {
  const body = ask.body === null ? undefined : Uint8Array.from(ask.body);
  const headers = [['User-Agent', 'lab'], ...ask.fields];
  const response = await fetch(ask.url, { method: ask.method, headers, body, redirect: 'manual' });
  answer.status = response.status;
  answer.version = 'HTTP/1.1';
  answer.fields = [...response.headers];
  answer.content = Buffer.from(await response.arrayBuffer()).toString('hex');
} catch (error) {
  const cause = error.cause ?? error;
  const code = cause.code ?? cause.errors?.[0]?.code ?? '';
  answer.trouble = troubles[code] ?? (code.startsWith('ERR_SSL') ? 'tls' : 'other');
  answer.said = `${error}: ${code} ${cause}`;
}
console.log(JSON.stringify(answer));
