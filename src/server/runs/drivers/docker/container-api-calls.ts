/** Containers by the Engine API: create, start, inspect, wait, signal, remove, list. */
import * as v from 'valibot'
import { Fault } from '../../../../contract/fault.ts'
import { Secret } from '../../../../redact/secret.ts'
import type { PlaceSpec, TaskLimits } from '../driver-interface.ts'
import { StartFailure } from '../task-start-failure.ts'
import { type DaemonClient, DaemonError } from './daemon-client.ts'

/**
 * Capabilities that Docker grants by default and tasks do not get: raw packets, device files, chroot, and passing
 * capabilities on. Package managers, `su` and servers on low ports work without them.
 */
const DROPPED = ['MKNOD', 'NET_RAW', 'SETPCAP', 'SYS_CHROOT'] as const
/**
 * This log driver keeps any bytes, Docker's default one only text (findings/docker-json-file-changes-bytes.sh). Nothing is
 * rotated away: a later server counts its offsets from the first byte.
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

interface VolumeMount {
  /** Absolute, in the container. */
  target: string
  /** The daemon's name of the volume. */
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

/** @returns the daemon's ID. @throws StartFailure when the daemon refuses it */
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
    if (error.status !== 409) throw new StartFailure(125, `the daemon refused the task: ${error.message}`)
  }
  // A container of that name is left from an earlier attempt that cannot be reattached to.
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
      // An init as the first process reaps the others and handles signals.
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
      // No swap beyond it, which would void the limit.
      ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
      ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
      ...(processes === undefined ? {} : { PidsLimit: processes }),
    },
  }
}

/** `NAME=VALUE`, only for the body of a request: it holds revealed secrets. */
export function envOf(env: PlaceSpec['env']): string[] {
  return Object.entries(env).map(
    ([name, value]) => `${name}=${value instanceof Secret ? value.reveal() : value}`,
  )
}

/** @throws StartFailure with the daemon's reason */
export async function startContainer(daemon: DaemonClient, id: string): Promise<void> {
  try {
    await daemon.send({ method: 'POST', path: `/containers/${id}/start` })
  } catch (error) {
    if (error instanceof DaemonError)
      throw new StartFailure(125, `the task cannot be started: ${error.message}`)
    throw error
  }
}

/** Undefined when there is no such container. */
export async function inspectContainer(daemon: DaemonClient, id: string): Promise<Inspected | undefined> {
  return await unlessGone(daemon.json({ method: 'GET', path: `/containers/${id}/json` }, inspected))
}

/** Resolves when it no longer runs. Undefined when there is no such container. */
export async function waitForContainer(
  daemon: DaemonClient,
  id: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const path = `/containers/${id}/wait`
  const response = await unlessGone(
    daemon.open({ method: 'POST', path, query: { condition: 'not-running' }, signal }),
  )
  if (response === undefined) return undefined
  const parsed = v.safeParse(waited, await response.json())
  // A daemon that shuts down ends the response without content.
  if (!parsed.success) throw new Fault('unreachable', 'the Docker daemon broke off its response')
  return parsed.output.StatusCode
}

/** Does nothing to a container that does not run. */
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

/** Stops and removes it, with its anonymous volumes. */
export async function removeContainer(daemon: DaemonClient, id: string): Promise<void> {
  try {
    await daemon.send({ method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } })
  } catch (error) {
    // 409: it is being removed already; wait until it has gone.
    if (!(error instanceof DaemonError) || (error.status !== 409 && error.status !== 404)) throw error
    if (error.status === 409) await waitUntilRemoved(daemon, id)
  }
}

async function waitUntilRemoved(daemon: DaemonClient, id: string): Promise<void> {
  const path = `/containers/${id}/wait`
  const signal = AbortSignal.timeout(30_000)
  const response = await unlessGone(
    daemon.open({ method: 'POST', path, query: { condition: 'removed' }, signal }),
  )
  await response?.arrayBuffer()
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

async function unlessGone<T>(response: Promise<T>): Promise<T | undefined> {
  try {
    return await response
  } catch (error) {
    if (error instanceof DaemonError && error.status === 404) return undefined
    throw error
  }
}
