/** The images of tasks: looked up on the daemon, pulled by policy, one pull for everybody who waits. */
import * as v from 'valibot'
import type { Clock } from '../../../../platform/clock.ts'
import { orAborted } from '../../../../platform/terminal/read-lines.ts'
import { StartFailure } from '../task-start-failure.ts'
import { contentOf, type DaemonClient, DaemonError } from './daemon-client.ts'
import { createProgress, pullLine } from './pull-progress.ts'

/** When an image is pulled: if the daemon lacks it, at every task, or never. */
export const PULL_POLICIES = ['missing', 'always', 'never'] as const
export type PullPolicy = (typeof PULL_POLICIES)[number]

interface Image {
  id: string
  /** The default user of its tasks. Empty: root. */
  user: string
}

export interface Images {
  /**
   * The image of that name, pulled if the policy asks for it. One pull serves everybody who waits for it.
   * @param say receives a few lines of progress, without line ends; none when nothing is pulled.
   * @throws StartFailure 125 with the daemon's or the registry's reason
   */
  get(name: string, say: (line: string) => void, signal: AbortSignal): Promise<Image>
}

export interface ImagesOptions {
  daemon: DaemonClient
  clock: Clock
  policy: PullPolicy
}

/** Bounds a pull from a registry that sends very slowly. */
const PULL_MS = 30 * 60_000
const MAX_LINE = 1024 * 1024
/** The exit code of `docker run` when the daemon fails. */
const DAEMON_FAILED = 125

const COMPONENT = '[a-z0-9]+(?:[._-]+[a-z0-9]+)*'
const REFERENCE = new RegExp(
  `^(?<name>(?:[a-z0-9][a-z0-9.-]*(?::\\d{1,5})?/)?${COMPONENT}(?:/${COMPONENT})*)(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
  'i',
)
const imageResponse = v.looseObject({
  Id: v.string(),
  Config: v.nullish(v.looseObject({ User: v.nullish(v.string()) })),
})
interface Pull {
  done: Promise<void>
  listeners: Set<(line: string) => void>
  stop: AbortController
}

export function createImages({ daemon, clock, policy }: ImagesOptions): Images {
  const pulls = new Map<string, Pull>()

  async function inspect(name: string, signal: AbortSignal): Promise<Image | undefined> {
    try {
      const { Id, Config } = await daemon.json(
        { method: 'GET', path: `/images/${name}/json`, signal },
        imageResponse,
      )
      return { id: Id, user: Config?.User ?? '' }
    } catch (error) {
      if (error instanceof DaemonError && error.status === 404) return undefined
      throw error
    }
  }

  async function pull(name: string, say: (line: string) => void, signal: AbortSignal): Promise<void> {
    let shared = pulls.get(name)
    if (shared === undefined) {
      const listeners = new Set<(line: string) => void>()
      const stop = new AbortController()
      const tell = (line: string) => listeners.forEach((listener) => listener(line))
      const begun = { done: perform(name, tell, stop.signal), listeners, stop }
      begun.done.catch(() => {}).finally(() => forget(name, begun))
      pulls.set(name, begun)
      shared = begun
    }
    say(`Pulling ${name}`)
    shared.listeners.add(say)
    try {
      await orAborted(shared.done, signal)
    } finally {
      shared.listeners.delete(say)
      if (shared.listeners.size === 0) {
        // A later caller starts a new pull.
        forget(name, shared)
        shared.stop.abort()
      }
    }
  }

  function forget(name: string, pull: Pull): void {
    if (pulls.get(name) === pull) pulls.delete(name)
  }

  async function perform(name: string, tell: (line: string) => void, stop: AbortSignal): Promise<void> {
    const { name: fromImage, tag, digest } = REFERENCE.exec(name)?.groups ?? {}
    const signal = AbortSignal.any([stop, AbortSignal.timeout(PULL_MS)])
    const progress = createProgress(name, clock, tell)
    const query = { fromImage, tag: digest ?? tag ?? 'latest' }
    const response = await daemon.open({ method: 'POST', path: '/images/create', query, signal })
    for await (const line of readLines(contentOf(response))) {
      const parsed = v.safeParse(pullLine, line)
      if (!parsed.success) continue
      if (parsed.output.error !== undefined) throw new DaemonError(response.status, parsed.output.error)
      progress.add(parsed.output)
    }
    progress.end()
  }

  async function get(name: string, say: (line: string) => void, signal: AbortSignal): Promise<Image> {
    if (!REFERENCE.test(name)) throw new StartFailure(DAEMON_FAILED, `${name} is not the name of an image`)
    try {
      const there = policy === 'always' ? undefined : await inspect(name, signal)
      if (there !== undefined) return there
      if (policy === 'never') throw new StartFailure(DAEMON_FAILED, `the daemon has no image ${name}`)
      await pull(name, say, signal)
      const pulled = await inspect(name, signal)
      if (pulled !== undefined) return pulled
      throw new StartFailure(DAEMON_FAILED, `the daemon has no image ${name}, though it has pulled it`)
    } catch (error) {
      if (error instanceof DaemonError) {
        throw new StartFailure(DAEMON_FAILED, `cannot pull ${name}: ${error.message}`)
      }
      if (error instanceof DOMException && error.name === 'TimeoutError') {
        throw new StartFailure(
          DAEMON_FAILED,
          `cannot pull ${name}: not done after ${PULL_MS / 60_000} minutes`,
        )
      }
      throw error
    }
  }

  return { get }
}

/** One JSON value per line. @throws DaemonError for a line longer than any legitimate one */
async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown, void> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true })
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    if (text.length > MAX_LINE) throw new DaemonError(200, 'the daemon sent a line that is too long')
    for (const line of lines) {
      if (line.trim() !== '') yield JSON.parse(line)
    }
  }
  if (text.trim() !== '') yield JSON.parse(text)
}
