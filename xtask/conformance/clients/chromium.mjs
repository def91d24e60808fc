// Asks by Chromium without a screen: URL in the clear, URL over TLS.
import { createRequire } from 'node:module'

const { chromium } = createRequire(`${process.env.PACKAGES}/`)('playwright-core')
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu']
})
const context = await browser.newContext({ ignoreHTTPSErrors: true })
for (const base of process.argv.slice(2, 4)) {
  const name = `chromium-${base.split(':')[0]}`
  const page = await context.newPage()
  for (const word of ['get', 'redirect', 'gzip', 'stream', 'cookies', 'missing']) {
    console.log(`== ${name} ${word}`)
    const response = await page.goto(`${base}/${name}/${word}`)
    const fields = Object.entries(await response.allHeaders()).map(pair => pair.join(': '))
    console.log([response.status(), ...fields.sort(), (await response.text()).length].join('\n'))
  }
  console.log(`== ${name} post`)
  console.log(await page.evaluate(async url => {
    const response = await fetch(url, { method: 'POST', body: 'x'.repeat(300000) })
    return `${response.status} ${await response.text()}`
  }, `${base}/${name}/post`))
}
await browser.close()
