/** The contract of resources: check, fetch and push tests that git and S3 must both pass. */
import { describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../../../src/contract/fault.ts'
import { createRedactor } from '../../../../src/redact/redactor.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import type { HostCalls } from '../../../../src/server/runs/host-call-type.ts'
import { openNetwork } from '../../../../src/guarded-fetch/allowed-networks.ts'
import { createResolver } from '../../../../src/server/runs/secrets/resolve-secrets.ts'
import type { Outcome, Version } from '../../../../src/server/runs/native-resources/resource-interface.ts'
import { createResourceCalls } from '../../../../src/server/runs/native-resources/native-resources.ts'
import { memoryVault } from '../../../support/servers/memory-vault.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { failure, TENANT } from '../run-harness.ts'
import { folderDriver } from './folder-driver.ts'

/** A resource with something behind it. */
export interface World {
  type: string
  /** As a script writes it, `secret:` and all. */
  source: Record<string, unknown>
  /** What those stand for. */
  secrets: Record<string, string>
  /** The same source with a credential that is not let in, a secret too. */
  wrong: { source: Record<string, unknown>; secrets: Record<string, string> }
  /** Makes a new version, whose `hello.txt` holds `text`. */
  publish(text: string): Promise<void>
  /** Turns what a fetch has brought into one that can be pushed, with `hello.txt` holding `text`. */
  change(folder: string, text: string): void
  pushParams: Record<string, unknown>
  /** Called back whenever the other side is asked something. */
  onRequest(look: () => void): void
  stop(): Promise<void>
}

/** Every name is this machine's: no test asks the DNS. */
async function here(_host: string): Promise<string[]> {
  return ['127.0.0.1']
}

export interface Desk {
  calls: HostCalls
  /** Where volumes are. */
  volume(name: string): string
  scratch: string
  check(request: Record<string, unknown>): Promise<Version[]>
  fetch(request: Record<string, unknown>): Promise<Outcome & { volume: string; path: string }>
  push(request: Record<string, unknown>): Promise<Outcome>
}

/** `nativeResources` as a run has it, over volumes that are folders. */
export async function openDesk(
  secrets: Record<string, string>,
  {
    env = process.env,
    signal = new AbortController().signal,
    allowed = ['127.0.0.0/8'],
    resolveName = here,
  } = {},
): Promise<Desk> {
  const vault = memoryVault()
  for (const [key, value] of Object.entries(secrets)) {
    await vault.set({ tenantId: TENANT, scope: 'global', key }, new Secret(value))
  }
  const redactor = createRedactor()
  const [volumes, scratch] = [temporaryFolder(), join(temporaryFolder(), 'scratch')]
  const pipeline = { id: 'pip_1', name: 'deploy' }
  const { resolve } = createResolver({ vault, tenantId: TENANT, pipeline, runId: 'run_1', redactor })
  const calls = createResourceCalls({
    runId: 'run_1',
    resolve,
    redactor,
    driver: folderDriver(volumes),
    scratchDir: scratch,
    quiet: signal,
    network: openNetwork(allowed),
    resolveName,
    env,
  })
  const call = (method: string) => async (request: Record<string, unknown>) =>
    (await calls[`nativeResources.${method}`]?.(request, { number: 1, signal })) as never
  return {
    calls,
    volume: (name) => join(volumes, 'run_1', name),
    scratch,
    check: async (request) => ((await call('check')(request)) as { versions: Version[] }).versions,
    fetch: call('fetch'),
    push: call('push'),
  }
}

/** What holds for every type of resource. */
export function describeResource(name: string, open: () => Promise<World>): void {
  const withWorld = async (work: (world: World, desk: Desk) => Promise<void>) => {
    const world = await open()
    try {
      await work(world, await openDesk(world.secrets))
    } finally {
      await world.stop()
    }
  }

  describe(`the ${name} resource`, () => {
    test('S89: a check gives the newest version, and with one, it and those that came after', async () =>
      withWorld(async ({ type, source, publish }, desk) => {
        await publish('one')
        const [first] = await desk.check({ type, source })
        expect(await desk.check({ type, source })).toEqual([first as Version])
        await publish('two')
        await publish('three')
        const all = await desk.check({ type, source, version: first })
        expect(all).toHaveLength(3)
        expect(all[0]).toEqual(first as Version)
        expect(await desk.check({ type, source })).toEqual([all[2] as Version])
        expect(await desk.check({ type, source, version: all[2] })).toEqual([all[2] as Version])
      }))

    test('a check from a version that is no more gives the newest', async () =>
      withWorld(async ({ type, source, publish }, desk) => {
        await publish('one')
        const newest = await desk.check({ type, source })
        expect(
          await desk.check({ type, source, version: { ref: 'a'.repeat(40), key: 'gone', etag: 'x' } }),
        ).toEqual(newest)
      }))

    test('S90: a fetch brings the version that was asked for into a volume', async () =>
      withWorld(async ({ type, source, publish }, desk) => {
        await publish('one')
        const [version] = await desk.check({ type, source })
        await publish('two')
        const fetched = await desk.fetch({ type, source, version, destDir: '/workspace' })
        expect(fetched).toMatchObject({ version, volume: 'workspace', path: '.' })
        expect(hello(desk)).toBe('one')
        expect(fetched.metadata.length).toBeGreaterThan(2)
      }))

    test('without a version it brings the newest, and below a folder where one is named', async () =>
      withWorld(async ({ type, source, publish }, desk) => {
        await publish('one')
        await publish('two')
        const fetched = await desk.fetch({ type, source, destDir: 'workspace/in/here' })
        expect(fetched).toMatchObject({ volume: 'workspace', path: 'in/here' })
        expect(readFileSync(join(desk.volume('workspace'), 'in/here/hello.txt'), 'utf8')).toBe('two')
      }))

    test('S91: what a volume holds is pushed, and is then the newest version', async () =>
      withWorld(async ({ type, source, publish, change, pushParams }, desk) => {
        await publish('one')
        await desk.fetch({ type, source, destDir: '/workspace' })
        change(desk.volume('workspace'), 'pushed')
        const { version } = await desk.push({ type, source, params: pushParams, srcDir: 'workspace' })
        expect(await desk.check({ type, source })).toEqual([version])
        await desk.fetch({ type, source, version, destDir: '/back' })
        expect(hello(desk, 'back')).toBe('pushed')
      }))

    test('S93: no answer holds a secret, and no process shows one while it works', async () =>
      withWorld(async ({ type, source, secrets, publish, change, pushParams, onRequest }, desk) => {
        await publish('one')
        const seen: string[] = []
        onRequest(() => seen.push(commandLines(), everything(desk.scratch)))
        const answers: unknown[] = [
          await desk.check({ type, source }),
          await desk.fetch({ type, source, destDir: '/workspace' }),
        ]
        change(desk.volume('workspace'), 'pushed')
        answers.push(await desk.push({ type, source, params: pushParams, srcDir: 'workspace' }))
        expect(seen.length).toBeGreaterThan(3)
        for (const value of secretWords(secrets)) {
          expect(JSON.stringify(answers)).not.toContain(value)
          for (const text of seen) expect(text.includes(value)).toBe(false)
          expect(everything(join(desk.volume('workspace'), '.git')).includes(value)).toBe(false)
        }
      }))

    test('a credential that is not let in is said so, without it', async () =>
      withWorld(async ({ type, wrong, publish }) => {
        await publish('one')
        const desk = await openDesk(wrong.secrets)
        for (const asked of [
          () => desk.check({ type, source: wrong.source }),
          () => desk.fetch({ type, source: wrong.source, destDir: '/workspace' }),
        ]) {
          const error = await failure(asked())
          expect(error).toBeInstanceOf(Fault)
          expect(String(error)).toMatch(/let us in|not accept|not know|may not/)
          for (const value of secretWords(wrong.secrets)) expect(String(error)).not.toContain(value)
        }
      }))

    test('nothing is left of a call, whether it worked or not', async () =>
      withWorld(async ({ type, source, wrong, publish }, desk) => {
        await publish('one')
        await desk.fetch({ type, source, destDir: '/workspace' })
        await failure(
          desk.fetch({ type, source, version: { ref: 'f'.repeat(40), key: 'gone' }, destDir: '/workspace' }),
        )
        expect(readdirSync(desk.scratch)).toEqual([])
        const other = await openDesk(wrong.secrets)
        await failure(other.check({ type, source: wrong.source }))
        expect(readdirSync(other.scratch)).toEqual([])
      }))

    test.each([['a field of source that is not known', { sourcce: 1 }, /source\.sourcce is not known/]])(
      '%s is named',
      async (_name, more, reason) =>
        withWorld(async ({ type, source }, desk) => {
          expect(String(await failure(desk.check({ type, source: { ...source, ...more } })))).toMatch(reason)
        }),
    )

    test('params that are not known are named', async () =>
      withWorld(async ({ type, source }, desk) => {
        const asked = desk.fetch({ type, source, params: { dept: 1 }, destDir: 'x' })
        expect(String(await failure(asked))).toContain('params.dept is not known')
      }))

    test('a secret that is not set is named', async () =>
      withWorld(async ({ type, source }) => {
        const desk = await openDesk({})
        expect(String(await failure(desk.check({ type, source })))).toMatch(/secret \w+ is not set/)
      }))

    test('when the run ends, so does the call', async () =>
      withWorld(async ({ type, source, secrets, publish, onRequest }) => {
        await publish('one')
        const stop = new AbortController()
        const desk = await openDesk(secrets, { signal: stop.signal })
        onRequest(() => stop.abort(new Error('stopped')))
        expect(String(await failure(desk.check({ type, source })))).toContain('stopped')
        expect(readdirSync(desk.scratch)).toEqual([])
      }))
  })
}

function hello(desk: Desk, volume = 'workspace'): string {
  return readFileSync(join(desk.volume(volume), 'hello.txt'), 'utf8')
}

/** Every process of this machine with its arguments. */
function commandLines(): string {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return all
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
    .join('\n')
}

/** The content of all files below. */
function everything(folder: string): string {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        try {
          return readFileSync(join(entry.parentPath, entry.name), 'latin1')
        } catch {
          return ''
        }
      })
      .join('\n')
  } catch {
    return ''
  }
}

/** Each secret whole, and the lines of those that have several. */
function secretWords(secrets: Record<string, string>): string[] {
  return Object.values(secrets).flatMap((value) =>
    value.split('\n').filter((line) => line.length > 7 && !line.startsWith('---')),
  )
}

/** A file of a volume, its folders made. */
export function write(folder: string, path: string, text: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, path), text)
}
