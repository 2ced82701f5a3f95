import * as v from 'valibot'
import { Fault } from '../../../../contract/fault.ts'
import { Secret } from '../../../../redact/secret.ts'
import type { PlaceSpec, TaskLimits } from '../driver.ts'
import { CannotStart } from './start-failure.ts'
import { type DaemonClient, DaemonError } from './daemon-client.ts'

/**
 * What tasks are not given of what Docker gives by itself: raw packets, device files, other root folders, and
 * the passing on of capabilities. Package managers, `su` and servers on low ports work without them.
 */
const DROPPED = ['MKNOD', 'NET_RAW', 'SETPCAP', 'SYS_CHROOT'] as const
/**
 * This form keeps any bytes, Docker's default one only text. Nothing is rotated away: the server that comes
 * after this one counts what it has from the first byte.
 */
const LOG_CONFIG = { Type: 'local', Config: { 'max-size': '1024t', 'max-file': '1', compress: 'false' } }

export interface ContainerSpec {
  name: string
  labels: Record<string, string>
  image: string
  network: string
  command: readonly [string, ...string[]]
  env: PlaceSpec['env']
  user: string | undefined
  workingDir: string
  mounts: readonly VolumeMount[]
  limits: TaskLimits
  hasStdin: boolean
}

export interface VolumeMount {
  /** Absolute, in the container. */
  target: string
  /** As the daemon calls it. */
  volume: string
}

const created = v.looseObject({ Id: v.string() })
const waited = v.looseObject({ StatusCode: v.number() })
const listed = v.array(
  v.looseObject({ Id: v.string(), Labels: v.nullish(v.record(v.string(), v.string())), State: v.string() }),
)
const inspected = v.looseObject({
  Id: v.string(),
  State: v.looseObject({
    Status: v.string(),
    Running: v.boolean(),
    OOMKilled: v.boolean(),
    ExitCode: v.number(),
    StartedAt: v.string(),
    FinishedAt: v.string(),
  }),
  Config: v.looseObject({ Labels: v.nullish(v.record(v.string(), v.string())) }),
  HostConfig: v.looseObject({ Memory: v.number() }),
  ExecIDs: v.nullish(v.array(v.string())),
})
export type Inspected = v.InferOutput<typeof inspected>

/** @returns the daemon's ID. @throws CannotStart where the daemon will not have it so */
export async function createContainer(daemon: DaemonClient, spec: ContainerSpec): Promise<string> {
  const create = () =>
    daemon.json(
      {
        method: 'POST',
        path: '/containers/create',
        query: { name: spec.name },
        body: { ...describe(spec), Env: envOf(spec.env) },
      },
      created,
    )
  try {
    return (await create()).Id
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error
    if (error.status !== 409) throw new CannotStart(125, `the daemon refused the task: ${error.message}`)
  }
  // One of that name: what is left of an earlier try, which nobody could take up.
  await removeContainer(daemon, spec.name)
  return (await create()).Id
}

function describe(spec: ContainerSpec) {
  const [program, ...args] = spec.command
  const { memoryBytes, cpus, processes } = spec.limits
  return {
    Image: spec.image,
    Entrypoint: [program],
    Cmd: args,
    ...(spec.user === undefined ? {} : { User: spec.user }),
    WorkingDir: spec.workingDir,
    Labels: spec.labels,
    Tty: false,
    AttachStdin: spec.hasStdin,
    OpenStdin: spec.hasStdin,
    StdinOnce: spec.hasStdin,
    AttachStdout: true,
    AttachStderr: true,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      // The first process reaps the others and takes signals as any does.
      Init: true,
      NetworkMode: spec.network,
      LogConfig: LOG_CONFIG,
      RestartPolicy: { Name: 'no' },
      SecurityOpt: ['no-new-privileges'],
      CapDrop: DROPPED,
      Mounts: spec.mounts.map(({ target, volume }) => ({
        Type: 'volume',
        Source: volume,
        Target: target,
        VolumeOptions: { NoCopy: true },
      })),
      // No swap beyond it, which would make it no limit.
      ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
      ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
      ...(processes === undefined ? {} : { PidsLimit: processes }),
    },
  }
}

/** `NAME=VALUE`, for the body of a request and nothing else. */
export function envOf(env: PlaceSpec['env']): string[] {
  return Object.entries(env).map(
    ([name, value]) => `${name}=${value instanceof Secret ? value.reveal() : value}`,
  )
}

/** @throws CannotStart with the daemon's reason */
export async function startContainer(daemon: DaemonClient, id: string): Promise<void> {
  try {
    await daemon.send({ method: 'POST', path: `/containers/${id}/start` })
  } catch (error) {
    if (error instanceof DaemonError)
      throw new CannotStart(125, `the task cannot be started: ${error.message}`)
    throw error
  }
}

/** Undefined where there is none. */
export async function inspectContainer(daemon: DaemonClient, id: string): Promise<Inspected | undefined> {
  return await unlessGone(daemon.json({ method: 'GET', path: `/containers/${id}/json` }, inspected))
}

/** Resolves when it does not run any more. Undefined when there is none. */
export async function waitForContainer(
  daemon: DaemonClient,
  id: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const path = `/containers/${id}/wait`
  const answer = await unlessGone(
    daemon.open({ method: 'POST', path, query: { condition: 'not-running' }, signal }),
  )
  if (answer === undefined) return undefined
  const parsed = v.safeParse(waited, await answer.json())
  // The daemon that is shutting down ends the answer without a word.
  if (!parsed.success) throw new Fault('unreachable', 'the Docker daemon broke off its answer')
  return parsed.output.StatusCode
}

/** Does nothing to one that does not run. */
export async function signalContainer(
  daemon: DaemonClient,
  id: string,
  signal: 'TERM' | 'KILL',
): Promise<void> {
  try {
    await daemon.send({ method: 'POST', path: `/containers/${id}/kill`, query: { signal } })
  } catch (error) {
    if (!(error instanceof DaemonError) || (error.status !== 409 && error.status !== 404)) throw error
  }
}

/** With what is mounted for it alone. Ends it first. */
export async function removeContainer(daemon: DaemonClient, id: string): Promise<void> {
  try {
    await daemon.send({ method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } })
  } catch (error) {
    // 409: somebody is removing it already, and we want to see it gone.
    if (!(error instanceof DaemonError) || (error.status !== 409 && error.status !== 404)) throw error
    if (error.status === 409) await waitUntilRemoved(daemon, id)
  }
}

async function waitUntilRemoved(daemon: DaemonClient, id: string): Promise<void> {
  const path = `/containers/${id}/wait`
  const signal = AbortSignal.timeout(30_000)
  const answer = await unlessGone(
    daemon.open({ method: 'POST', path, query: { condition: 'removed' }, signal }),
  )
  await answer?.arrayBuffer()
}

export interface Listed {
  id: string
  labels: Record<string, string>
  isRunning: boolean
}

/** @param filters `Labels.filters` */
export async function listContainers(daemon: DaemonClient, filters: string): Promise<Listed[]> {
  const query = { all: true, filters }
  const all = await daemon.json({ method: 'GET', path: '/containers/json', query }, listed)
  return all.map(({ Id, Labels, State }) => ({
    id: Id,
    labels: Labels ?? {},
    isRunning: State === 'running',
  }))
}

async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof DaemonError && error.status === 404) return undefined
    throw error
  }
}
