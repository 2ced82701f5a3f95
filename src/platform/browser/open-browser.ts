import { isLoopbackHost } from '../network/loopback.ts'
import { delimiter } from 'node:path'
import { childEnv, type Env } from '../processes/environment.ts'

/**
 * The user's browser (S215): `$BROWSER` first, then what the system opens URLs with. Nothing goes through a
 * shell, and the child gets our environment without what is meant for us alone (`../processes/environment.ts`).
 */

const SYSTEM_OPENERS: Partial<Record<NodeJS.Platform, readonly (readonly string[])[]>> = {
  darwin: [['open']],
  win32: [['rundll32', 'url.dll,FileProtocolHandler']],
}
const OTHER_OPENERS = [['xdg-open'], ['sensible-browser'], ['x-www-browser']] as const

export interface OpenBrowserOptions {
  env: Env
  platform?: NodeJS.Platform
  /** An opener that has not failed after this time counts as started. */
  graceMs?: number
}

/** Only https, or http on this machine: an authorize URL comes from a server and may be anything. */
export function isOpenable(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))
}

/**
 * A session over SSH without a display: a browser of this machine would come up in front of nobody. A
 * `$BROWSER` that was set all the same knows better (editors that work over SSH set one that opens the
 * browser at the other end).
 */
export function isRemoteSession(env: Env): boolean {
  const overSsh = Boolean(env.SSH_CONNECTION) || Boolean(env.SSH_TTY)
  return overSsh && !env.DISPLAY && !env.WAYLAND_DISPLAY && !env.BROWSER
}

/** Opens `url`. False when it may not be opened, or when nothing on this machine would. Never throws. */
export async function openBrowser(url: string, options: OpenBrowserOptions): Promise<boolean> {
  if (!isOpenable(url)) return false
  const { env, platform = process.platform, graceMs = 1000 } = options
  const openers = [...browserVariable(env.BROWSER), ...(SYSTEM_OPENERS[platform] ?? OTHER_OPENERS)]
  for (const opener of openers) {
    if (await starts(withUrl(opener, new URL(url).href), env, graceMs)) return true
  }
  return false
}

/**
 * `$BROWSER` as the desktop tools read it: programs with arguments, tried in turn, parted by `:` (`;` on
 * Windows), each with an optional `%s` where the URL goes.
 */
function browserVariable(value: string | undefined): string[][] {
  return (value ?? '')
    .split(delimiter)
    .map(words)
    .filter((command) => command.length > 0)
}

/** Words parted by blanks; quotes keep a path with blanks together. */
function words(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? '')
}

function withUrl(opener: readonly string[], url: string): string[] {
  if (!opener.some((word) => word.includes('%s'))) return [...opener, url]
  return opener.map((word) => word.replaceAll('%s', () => url))
}

async function starts(cmd: string[], env: Env, graceMs: number): Promise<boolean> {
  try {
    const child = Bun.spawn({
      cmd,
      env: childEnv(env),
      stdio: ['ignore', 'ignore', 'ignore'],
      // Its own group: Ctrl-C in our terminal must not close the user's browser.
      detached: true,
    })
    child.unref()
    let timer: ReturnType<typeof setTimeout> | undefined
    const still = new Promise<number>((resolve) => {
      timer = setTimeout(() => resolve(0), graceMs)
    })
    const code = await Promise.race([child.exited, still])
    clearTimeout(timer)
    return code === 0
  } catch {
    return false
  }
}
