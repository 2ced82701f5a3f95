/** The MCP conformance suite for authorization servers, run against the compiled binary. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { httpBrowser } from '../../support/servers/http-browser.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** The suite of the MCP specification for authorization servers, against the binary, with a person who approves. */
const SUITE = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))
const SCENARIOS = ['authorization-server-metadata-endpoint', 'authorization-code-grant']

interface Check {
  id: string
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  errorMessage?: string
}

let server: BinaryServer
beforeAll(async () => {
  server = await startBinaryServer()
}, 30_000)
afterAll(() => server.stop())

/** Runs the suite as `clientId`; @returns its exit status, what it printed, and the checks of each scenario. */
async function runSuite(
  clientId: string,
  port: number,
): Promise<{ code: number; printed: string; checks: Map<string, Check[]> }> {
  const results = temporaryFolder()
  const flags = { url: server.url, 'client-id': clientId, port, resource: server.url, 'output-dir': results }
  const child = Bun.spawn(
    [
      process.execPath,
      SUITE,
      'authorization',
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ],
    { cwd: results, stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' },
  )
  // It would wait five minutes for a person.
  const giveUp = setTimeout(() => child.kill(), 60_000)
  let printed = ''
  let approval: Promise<void> | undefined
  const decoder = new TextDecoder()
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk, { stream: true })
    const address = /^http\S+\/oauth\/authorize\?\S+$/m.exec(printed)?.[0]
    if (address !== undefined && printed.includes('Waiting')) approval ??= approve(address)
  }
  await approval
  const code = await child.exited
  clearTimeout(giveUp)
  return { code, printed, checks: readResults(results) }
}

async function approve(address: string): Promise<void> {
  const browser = httpBrowser()
  const consent = await browser.submit(await browser.open(address), ADA)
  const end = await browser.submit(consent, {}, 'Authorize')
  if (!end.html.includes('You can close this page')) throw new Error(`the login ended at ${end.url.pathname}`)
}

/** The suite names a folder after each scenario and the time. */
function readResults(folder: string): Map<string, Check[]> {
  const checks = new Map<string, Check[]>()
  for (const path of new Bun.Glob('*/checks.json').scanSync(folder)) {
    const scenario = SCENARIOS.find((name) => path.startsWith(`authorization-server-${name}-`)) ?? path
    checks.set(scenario, JSON.parse(readFileSync(join(folder, path), 'utf8')) as Check[])
  }
  return checks
}

async function registerClient(redirectUri: string): Promise<string> {
  const answer = await fetch(`${server.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'The suite', redirect_uris: [redirectUri] }),
  })
  return ((await answer.json()) as { client_id: string }).client_id
}

describe('the conformance suite of MCP for authorization servers', () => {
  test.each([
    ['fob-cli', () => 'fob-cli'],
    [
      'a program that registered itself',
      (port: number) => registerClient(`http://127.0.0.1:${port}/callback`),
    ],
  ] as const)(
    'passes on the binary, as %s',
    async (_name, clientId) => {
      const port = freePort()
      const { code, printed, checks } = await runSuite(await clientId(port), port)
      expect([...checks.keys()].toSorted()).toEqual(SCENARIOS.toSorted())
      const all = [...checks.values()].flat()
      expect(all.length).toBeGreaterThan(0)
      expect(all.filter(({ status }) => status === 'FAILURE' || status === 'SKIPPED')).toEqual([])
      for (const list of checks.values()) expect(list.map(({ status }) => status)).toContain('SUCCESS')
      // A client ID that is an address (a draft of the IETF) is not offered; all else that it asks for is.
      expect(all.filter(({ status }) => status === 'WARNING').map(({ id }) => id)).toEqual([
        'authorization-server-metadata-cimd',
      ])
      expect(printed).toContain('Total: 2 passed, 0 failed')
      expect(code).toBe(0)
    },
    90_000,
  )
})
