/** A real Secret Service: gnome-keyring. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childEnv } from '../../../src/platform/processes/own-and-child-environment.ts'
import { temporaryFolder } from '../temporary.ts'
import { missingPart } from './skip-without-part.ts'

/**
 * A real Secret Service (gnome-keyring) on a private D-Bus session, in a folder of its own: never the
 * machine's. `locked` leaves the login keyring made but closed; `absent` is a bus that knows no such service.
 */
export type KeyringState = 'unlocked' | 'locked' | 'hidden-bus' | 'absent'

const PARTS = ['dbus-run-session', 'gnome-keyring-daemon'] as const

/** The part that is missing, or undefined. */
export function missingKeyringPart(): string | undefined {
  return missingPart(() =>
    process.platform === 'linux' ? PARTS.find((part) => Bun.which(part) === null) : 'a Secret Service',
  )
}

/** Runs `command` with such a keyring. Resolves when it ends. */
export async function runWithKeyring(
  state: KeyringState,
  command: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const data = temporaryFolder()
  const start = 'printf test | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1'
  const closed = 'gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1'
  const inner = {
    unlocked: start,
    locked: closed,
    'hidden-bus': 'unset DBUS_SESSION_BUS_ADDRESS',
    absent: ':',
  }[state]
  // The first session makes the keyring, so that the second finds one that is there but closed.
  if (state === 'locked') await inSession([start, 'true'], data, env)
  return inSession([inner, 'exec "$@"'], data, env, command, state === 'absent' ? emptyBus(data) : [])
}

/** Arguments for a session bus that starts no service for anyone. */
function emptyBus(folder: string): string[] {
  const config = join(folder, 'bus.conf')
  const policy = '<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>'
  writeFileSync(
    config,
    `<busconfig><type>session</type><listen>unix:tmpdir=${folder}</listen><policy context="default">${policy}</policy></busconfig>`,
  )
  return ['--config-file', config]
}

async function inSession(
  lines: readonly string[],
  data: string,
  env: Record<string, string | undefined>,
  command: readonly string[] = [],
  bus: readonly string[] = [],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn({
    cmd: ['dbus-run-session', ...bus, '--', 'bash', '-c', lines.join('\n'), '_', ...command],
    env: {
      ...childEnv(process.env),
      ...env,
      XDG_DATA_HOME: data,
      XDG_CACHE_HOME: join(data, 'cache'),
      XDG_RUNTIME_DIR: temporaryFolder(),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}
