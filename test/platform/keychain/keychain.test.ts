/** The system keychain: lazy loading, and the meaning of its error messages. */
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import {
  type KeychainReason,
  openKeychain,
  reasonOf,
  unknownFailure,
} from '../../../src/platform/keychain/keychain.ts'
import { childEnv } from '../../../src/platform/processes/own-and-child-environment.ts'
import { missingKeyringPart, runWithKeyring } from '../../support/real-parts/keyring.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const missing = missingKeyringPart()
const withKeyring = test.skipIf(missing !== undefined)
const named = (title: string) => (missing === undefined ? title : `${title} (skipped: needs ${missing})`)

const MODULE = join(import.meta.dir, '../../../src/platform/keychain/keychain.ts')
/** Calls each function once in a process of its own and prints what came. */
const PROBE = [
  process.execPath,
  '-e',
  `const { openKeychain } = await import(${JSON.stringify(MODULE)})
const k = openKeychain({ timeoutMs: 10_000 })
const results = [
  await k.set('fob-test', 'https://a', 'first'), await k.set('fob-test', 'https://a', 'v'.repeat(6000)),
  await k.get('fob-test', 'https://a'), await k.get('fob-test', 'https://b'),
  await k.delete('fob-test', 'https://a'), await k.delete('fob-test', 'https://a'), await k.get('fob-test', 'https://a'),
]
console.log(JSON.stringify(results.map((r) => r.ok ? (r.value === undefined ? null : r.value) : r.reason)))
process.exit(0)`,
]

describe('the keychain', () => {
  withKeyring(
    named('S198: a real, unlocked keyring stores, replaces and deletes, 6 KiB as well'),
    async () => {
      const { stdout } = await runWithKeyring('unlocked', PROBE)
      expect(JSON.parse(stdout)).toEqual([null, null, 'v'.repeat(6000), null, true, false, null])
    },
  )

  withKeyring(named('a locked keyring says so when it is written to'), async () => {
    const { stdout } = await runWithKeyring('locked', PROBE)
    expect(JSON.parse(stdout)[0]).toBe('locked')
  })

  withKeyring(named('without a D-Bus session the reason is no_bus'), async () => {
    const { stdout } = await runWithKeyring('hidden-bus', PROBE, { DISPLAY: undefined })
    expect(JSON.parse(stdout)[0]).toBe('no_bus')
  })

  test.skipIf(process.platform !== 'linux')('a bus that says nothing is given up in time', async () => {
    const socket = join(temporaryFolder(), 'bus')
    const silent = Bun.listen({ unix: socket, socket: { data() {} } })
    const code = `const { openKeychain } = await import(${JSON.stringify(MODULE)})
console.log(JSON.stringify(await openKeychain({ timeoutMs: 100 }).get('fob-test', 'x')))
process.exit(0)`
    const child = Bun.spawn([process.execPath, '-e', code], {
      env: { ...childEnv(process.env), DBUS_SESSION_BUS_ADDRESS: `unix:path=${socket}` },
      stdout: 'pipe',
    })
    const stdout = await new Response(child.stdout).text()
    silent.stop(true)
    // A machine without libsecret cannot even ask.
    expect(['timeout', 'no_library']).toContain(JSON.parse(stdout).reason)
  })

  test('opening it loads nothing', () => {
    openKeychain()
    expect(Object.keys(require.cache).filter((path) => path.endsWith('keytar.node'))).toEqual([])
  })

  const messages: [string, KeychainReason][] = [
    ['Cannot autolaunch D-Bus without X11 $DISPLAY', 'no_bus'],
    ['Could not connect: No such file or directory', 'no_bus'],
    ['Cannot create an item in a locked collection', 'locked'],
    ['Object does not exist at path “/org/freedesktop/secrets/collection/login”', 'no_service'],
    ['The name org.freedesktop.secrets was not provided by any .service files', 'no_service'],
    ['libsecret-1.so.0: cannot open shared object file: No such file or directory', 'no_library'],
    ['User interaction is not allowed.', 'locked'],
    ['User canceled the operation.', 'denied'],
    ['The user name or passphrase you entered is not correct.', 'denied'],
    ['something new', 'failed'],
  ]
  test.each(messages)('%s means %s', (message, reason) => {
    expect(reasonOf(new Error(message))).toBe(reason)
  })
})

test.each<[NodeJS.Platform, string]>([
  ['linux', '"secret-tool store '],
  ['darwin', '"security add-generic-password '],
  ['win32', '"cmdkey '],
])(
  'an unknown failure of a keychain on %s says what was tried, and what to compare it with',
  (platform, command) => {
    expect(unknownFailure(platform)).toStartWith('writing, reading or deleting an entry of it failed')
    expect(unknownFailure(platform)).toContain(command)
    expect(unknownFailure('aix')).toEndWith('fob does not know')
  },
)
