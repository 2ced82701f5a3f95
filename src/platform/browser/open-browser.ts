/** Opens a URL in the user's browser: `$BROWSER` first, then the openers of the system. Never through a shell. */
import { delimiter } from 'node:path'
import { isLoopbackHost } from '../network/is-loopback-host.ts'
import { childEnv, type Env } from '../processes/own-and-child-environment.ts'

/**
 * What is tried after `open`, the package, has failed. On Linux it runs `xdg-open`, on Windows PowerShell; either may
 * be missing or not permitted.
 */
const FALLBACKS: Partial<Record<NodeJS.Platform, readonly (readonly string[])[]>> = {
  darwin: [],
  win32: [['rundll32', 'url.dll,FileProtocolHandler']],
}
const OTHER_FALLBACKS = [['sensible-browser'], ['x-www-browser']] as const

interface OpenBrowserOptions {
  env: Env
  platform?: NodeJS.Platform
  /**
   * An opener that has not failed after this time, in milliseconds, counts as started. One that fails a little later
   * (PowerShell alone takes seconds to start) is followed by the next one all the same.
   */
  graceMs?: number
}

/** Whether a URL may be opened: https, or http on this machine. It comes from a server and could be anything. */
export function isOpenable(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))
}

/**
 * Whether this is a session over SSH without a display: a browser of this machine would open where nobody sees it.
 * With a `$BROWSER` it is not: editors that work over SSH set one that opens the browser at the other end.
 */
export function isRemoteSession(env: Env): boolean {
  const overSsh = Boolean(env.SSH_CONNECTION) || Boolean(env.SSH_TTY)
  return overSsh && !env.DISPLAY && !env.WAYLAND_DISPLAY && !env.BROWSER
}

/**
 * Opens `url` in a browser. Never throws.
 * @returns false when the URL may not be opened, or when nothing on this machine opens it
 */
export async function openBrowser(url: string, options: OpenBrowserOptions): Promise<boolean> {
  if (!isOpenable(url)) return false
  const { env, platform = process.platform, graceMs = 1000 } = options
  // Absolute, and in the URL's own characters: never an option, and nothing that a shell would read.
  const address = new URL(url).href
  const openers: Opener[] = browserVariable(env.BROWSER).map(
    (command) => () => spawnBrowser(withUrl(command, address), env),
  )
  if (hasDisplay(env, platform)) {
    const fallbacks = FALLBACKS[platform] ?? OTHER_FALLBACKS
    openers.push(() => openBySystem(address))
    openers.push(...fallbacks.map((command) => () => spawnBrowser([...command, address], env)))
  }
  return await openByFirst(openers, graceMs)
}

/**
 * Without a display `xdg-open` tries one browser after the other, which takes longer to fail than we wait. In WSL the
 * browser is that of Windows.
 */
function hasDisplay(env: Env, platform: NodeJS.Platform): boolean {
  if (platform !== 'linux' && platform !== 'freebsd' && platform !== 'openbsd') return true
  return Boolean(env.DISPLAY || env.WAYLAND_DISPLAY || env.WSL_DISTRO_NAME || env.WSL_INTEROP)
}

/**
 * `$BROWSER` as desktop tools read it: commands with arguments, tried in turn, separated by `:` (`;` on Windows). The
 * URL replaces `%s`, or is the last argument.
 */
function browserVariable(value: string | undefined): string[][] {
  return (value ?? '')
    .split(delimiter)
    .map(words)
    .filter((command) => command.length > 0)
}

/** Words separated by blanks; quotes keep a path with blanks together. */
function words(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? '')
}

function withUrl(command: readonly string[], url: string): string[] {
  if (!command.some((word) => word.includes('%s'))) return [...command, url]
  return command.map((word) => word.replaceAll('%s', () => url))
}

/** Resolves to the exit code of a program that was started. */
type Exit = Promise<number | null>
type Opener = () => { exited: Exit } | Promise<{ exited: Exit }>

/**
 * macOS, WSL, Windows and desktops of Linux. The child is given `process.env`, from which `takeEnvironment` has
 * removed what is for fob alone.
 */
async function openBySystem(url: string): Promise<{ exited: Exit }> {
  const { default: open } = await import('open')
  const child = await open(url)
  if (child.exitCode !== null) return { exited: Promise.resolve(child.exitCode) }
  return { exited: new Promise((resolve) => child.once('exit', resolve)) }
}

function spawnBrowser(cmd: string[], env: Env): { exited: Exit } {
  const child = Bun.spawn({
    cmd,
    env: childEnv(env),
    stdio: ['ignore', 'ignore', 'ignore'],
    // A process group of its own: Ctrl-C in our terminal must not close the user's browser.
    detached: true,
  })
  child.unref()
  return child
}

/** A program that ends later than this was a browser that somebody closed. */
const LATE_FAILURE_MS = 15_000

/** @returns whether one of the programs starts and has not failed after `graceMs` */
async function openByFirst(openers: readonly Opener[], graceMs: number): Promise<boolean> {
  for (const [index, start] of openers.entries()) {
    const since = performance.now()
    const state = await stateAfter(start, graceMs)
    if (state.kind === 'running') {
      void state.exited.then((code) => {
        const isFailure = code !== 0 && code !== null && performance.now() - since < LATE_FAILURE_MS
        return isFailure && openByFirst(openers.slice(index + 1), graceMs)
      })
    }
    if (state.kind !== 'failed') return true
  }
  return false
}

type State = { kind: 'done' } | { kind: 'failed' } | { kind: 'running'; exited: Exit }

async function stateAfter(start: Opener, graceMs: number): Promise<State> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const { exited } = await start()
    const still = new Promise<'running'>((resolve) => {
      timer = setTimeout(() => resolve('running'), graceMs)
    })
    const code = await Promise.race([exited, still])
    if (code === 'running') return { kind: 'running', exited }
    return { kind: code === 0 ? 'done' : 'failed' }
  } catch {
    return { kind: 'failed' }
  } finally {
    clearTimeout(timer)
  }
}
