// Asks by the clients of Node: URL in the clear, URL over TLS.
import { createHash } from 'node:crypto'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { createRequire } from 'node:module'

const { Agent, fetch: undiciFetch } = createRequire(`${process.env.PACKAGES}/`)('undici')
const words = ['get', 'gzip', 'redirect', 'stream', 'hints', 'cookies', 'large', 'nothing', 'missing']
const upload = Buffer.alloc(500000, 'x')

function show (status, fields, body) {
  const lines = fields.map(([name, value]) => `${name}: ${value}\n`).join('')
  const sum = createHash('sha256').update(body).digest('hex').slice(0, 16)
  console.log(`${status}\n${lines}${body.length} bytes ${sum}`)
}

async function say (name, base, ask) {
  name = `${name} ${base.split(':')[0]}`
  const folder = `${base}/node-${name.replaceAll(/[^a-z0-9]/g, '-')}`
  for (const word of [...words, 'post']) {
    console.log(`== node ${name} ${word}`)
    try {
      show(...await ask(`${folder}/${word}`, word === 'post' ? upload : undefined))
    } catch (error) {
      console.log(error.name, error.message, error.cause?.message)
    }
  }
}

const byFetch = (fetch, options) => async (url, body) => {
  const response = await fetch(url, { method: body ? 'POST' : 'GET', body, ...options })
  return [response.status, [...response.headers], Buffer.from(await response.arrayBuffer())]
}

const byModule = (module, agent) => (url, body) => new Promise((resolve, reject) => {
  const informed = []
  const request = module.request(url, { agent, method: body ? 'POST' : 'GET' }, response => {
    const pieces = []
    const raw = response.rawHeaders
    const pairs = raw.flatMap((name, i) => i % 2 ? [] : [[name, raw[i + 1]]])
    response.on('data', piece => pieces.push(piece))
    response.on('end', () => {
      const trailers = Object.entries(response.trailers)
      resolve([response.statusCode, [...informed, ...pairs, ...trailers], Buffer.concat(pieces)])
    })
    response.on('error', reject)
  })
  request.on('information', info => informed.push(['informed', info.statusCode]))
  request.on('error', reject)
  request.end(body)
})

const byHttp2 = session => (url, body) => new Promise((resolve, reject) => {
  const path = new URL(url).pathname
  const stream = session.request({ ':path': path, ':method': body ? 'POST' : 'GET' })
  const pieces = []
  const fields = []
  stream.on('headers', fields_ => fields.push(...Object.entries(fields_)))
  stream.on('response', fields_ => fields.push(...Object.entries(fields_)))
  stream.on('trailers', fields_ => fields.push(...Object.entries(fields_)))
  stream.on('data', piece => pieces.push(piece))
  stream.on('end', () => resolve([200, fields, Buffer.concat(pieces)]))
  stream.on('error', reject)
  stream.end(body)
})

for (const base of process.argv.slice(2, 4)) {
  await say('fetch', base, byFetch(fetch))
  const module = base.startsWith('https') ? https : http
  const agent = new module.Agent({ keepAlive: true })
  await say('module', base, byModule(module, agent))
  agent.destroy()
  const session = http2.connect(base)
  session.on('error', error => console.log(error.message))
  await say('http2', base, byHttp2(session))
  session.close()
}
for (const allowH2 of [false, true]) {
  const dispatcher = new Agent({ allowH2 })
  await say(allowH2 ? 'undici http/2' : 'undici', process.argv[3], byFetch(undiciFetch, { dispatcher }))
  await dispatcher.close()
}
