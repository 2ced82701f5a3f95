/**
 * Owns: `nativeResources`: what a script fetches and pushes through the server instead of a task. Each type of resource
 * lists versions, fetches one into a volume, and pushes the content of a volume.
 * Refuses: to give the script the value of a secret; to leave a credential on a command line, in a file that outlives
 * the call, or in an error; to use a credential of the server itself.
 */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { CallContext, HostCalls } from '../host-call-type.ts'
import type { Driver } from '../drivers/driver-interface.ts'
import { removeFolder } from '../drivers/remove-folder.ts'
import { createAllowedResolver } from '../../../guarded-fetch/resolve-allowed-address.ts'
import { createGitResource } from './git-resource.ts'
import { parse } from '../parse-host-call-fields.ts'
import { redactedFault } from '../fault-as-text.ts'
import type { Asked, Outcome, Outside, Resource, Version, Workplace } from './resource-interface.ts'
import { createS3Resource } from './s3-resource.ts'
import { volumePath } from './parse-volume-path.ts'

export interface ResourceCallsOptions extends Omit<Outside, 'reach'> {
  runId: string
  /** Resolves `secret:` references to `Secret`s and registers them with the redactor. */
  resolve(value: unknown): Promise<unknown>
  redactor: Redactor
  driver: Driver
  /** The parent of the private folders of calls. Created if missing. */
  scratchDir: string
  /** Fires when the result is no longer needed: the run has ended, or is left to the next server. */
  quiet: AbortSignal
  /** Resolves a host name to all its addresses; absent: the resolver of the system. */
  resolveName?: (host: string) => Promise<string[]>
}

/** Short, because the script blocks: the call is synchronous. */
const CHECK_MS = 2 * 60_000
const TRANSFER_MS = 60 * 60_000

const version = v.record(v.string(), v.string())
const asked = { type: v.string(), source: v.record(v.string(), v.unknown()) }
const params = v.optional(v.nullable(v.record(v.string(), v.unknown())))
const checkRequest = v.strictObject({ ...asked, version: v.optional(v.nullable(version)), params })
const fetchRequest = v.strictObject({
  ...asked,
  version: v.optional(v.nullable(version)),
  params,
  destDir: v.string(),
})
const pushRequest = v.strictObject({ ...asked, params, srcDir: v.string() })

/** `nativeResources.check`, `.fetch` and `.push`. */
export function createResourceCalls(options: ResourceCallsOptions): HostCalls {
  const { runId, resolve, redactor, driver, scratchDir, env, network, quiet } = options
  const outside = { env, network, reach: createAllowedResolver(network, options.resolveName) }
  const types: Readonly<Record<string, Resource>> = {
    git: createGitResource(outside),
    s3: createS3Resource(outside),
  }

  /** Runs work with a scratch folder that is always removed, and makes its errors safe to show. */
  async function within<T>(
    type: string,
    { signal, ms }: { signal: AbortSignal; ms: number },
    work: (resource: Resource, at: Workplace, folder: string) => Promise<T>,
  ): Promise<T> {
    const resource = Object.hasOwn(types, type) ? types[type] : undefined
    if (!resource) {
      const known = Object.keys(types).join(' and ')
      throw new Fault('usage', `there is no native resource ${JSON.stringify(type.slice(0, 100))}`, {
        hint: `the native resources are ${known}`,
      })
    }
    await mkdir(scratchDir, { recursive: true, mode: 0o700 })
    const place = await mkdtemp(join(scratchDir, 'resource-'))
    const [scratch, folder] = [join(place, 'work'), join(place, 'content')]
    const deadline = AbortSignal.timeout(ms)
    const ended = AbortSignal.any([signal, quiet])
    try {
      await Promise.all([mkdir(scratch), mkdir(folder)])
      return await work(resource, { scratch, signal: AbortSignal.any([ended, deadline]) }, folder)
    } catch (error) {
      if (deadline.aborted && !ended.aborted) {
        throw new Fault('failed', `${type}: it took more than ${ms / 60_000} minutes`, { cause: error })
      }
      throw redactedFault(type, error, redactor)
    } finally {
      await removeFolder(place)
    }
  }

  async function check(input: unknown, { signal }: CallContext): Promise<{ versions: Version[] }> {
    const request = parse(checkRequest, input, 'nativeResources.check')
    const found = await within(request.type, { signal, ms: CHECK_MS }, async (resource, at) =>
      resource.check({ ...(await resolved(request)), since: request.version ?? undefined }, at),
    )
    return { versions: found.map(clean) }
  }

  async function fetch(input: unknown, { signal }: CallContext) {
    const request = parse(fetchRequest, input, 'nativeResources.fetch')
    const to = volumePath(request.destDir, 'nativeResources.fetch: destDir')
    const outcome = await within(request.type, { signal, ms: TRANSFER_MS }, async (resource, at, folder) => {
      const version = request.version ?? undefined
      const outcome = await resource.fetch({ ...(await resolved(request)), version }, folder, at)
      await driver.createVolume(runId, to.volume)
      await driver.importFolder({ runId, ...to }, folder, at.signal)
      return outcome
    })
    const shown = { volume: redactor.text(to.volume), path: redactor.text(to.path) }
    return { ...cleanOutcome(outcome), ...shown }
  }

  async function push(input: unknown, { signal }: CallContext): Promise<Outcome> {
    const request = parse(pushRequest, input, 'nativeResources.push')
    const from = volumePath(request.srcDir, 'nativeResources.push: srcDir')
    return await within(request.type, { signal, ms: TRANSFER_MS }, async (resource, at, folder) => {
      const asked = await resolved(request)
      await driver.exportFolder({ runId, ...from }, folder, at.signal)
      return cleanOutcome(await resource.push(asked, folder, at))
    })
  }

  async function resolved({ source, params }: { source: unknown; params?: unknown }): Promise<Asked> {
    return { source: await resolve(source), params: (await resolve(params)) ?? {} }
  }

  function clean(version: Version): Version {
    return Object.fromEntries(Object.entries(version).map(([key, value]) => [key, redactor.text(value)]))
  }

  function cleanOutcome({ version, metadata }: Outcome): Outcome {
    return {
      version: clean(version),
      metadata: metadata.map(({ name, value }) => ({ name, value: redactor.text(value) })),
    }
  }

  return {
    'nativeResources.check': check,
    'nativeResources.fetch': fetch,
    'nativeResources.push': push,
  }
}
