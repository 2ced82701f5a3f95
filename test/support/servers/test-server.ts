/** The whole server in this process, for tests of what it serves. */
import { type Clock, systemClock } from '../../../src/platform/clock.ts'
import type { Fetch } from '../../../src/platform/fetch-type.ts'
import { Secret } from '../../../src/redact/secret.ts'
import type { DefaultRole } from '../../../src/server/accounts/user-types.ts'
import { jsonLog } from '../../../src/server/log.ts'
import { type RunningServer, serve } from '../../../src/server/serve.ts'
import type { RunSettings } from '../../../src/server/settings/run-settings.ts'
import { openNetwork } from '../../../src/guarded-fetch/allowed-networks.ts'
import { driverSettings } from '../../../src/server/settings/driver-settings.ts'
import { readTrustedIssuers } from '../../../src/server/settings/trusted-issuer-settings.ts'
import { readVaultSettings } from '../../../src/server/settings/settings.ts'
import type { Strategy } from '../../../src/server/settings/choose-authentication-strategy.ts'
import { freePort } from '../free-port.ts'
import { SANDBOX } from '../sandbox-command.ts'
import { temporaryFolder } from '../temporary.ts'
import { vaultKeyFile } from './vault-key-file.ts'

export interface TestServer extends RunningServer {
  dataDir: string
  /** Every log line so far. */
  log(): string
}

const NO_BOUNDS: RunSettings = {
  runsAtOnce: undefined,
  runsPerTenant: undefined,
  waitingRuns: undefined,
  network: openNetwork([]),
}

/** The whole server in this process, on loopback, with its data in a temporary folder. */
export async function startServer(
  options: {
    strategy?: Strategy | ((url: string) => Strategy)
    /** By default a file holds the vault's key, since a passphrase costs 0.3 s of a core at each start. */
    vaultKey?: 'file' | 'none'
    dataDir?: string
    port?: number
    rbac?: string
    defaultRole?: DefaultRole
    /** Entries as the settings file has them. */
    trustedIssuers?: readonly Record<string, unknown>[]
    /** For the identity providers that people log in with. */
    fetch?: Fetch
    trustedProxies?: readonly string[]
    runs?: Partial<RunSettings>
    clock?: Clock
    /** Settings of the vault, by flag name. */
    secrets?: Record<string, string | undefined>
    /** Settings of the drivers, by flag name. */
    drivers?: Record<string, string>
  } = {},
): Promise<TestServer> {
  const port = options.port ?? freePort()
  const url = `http://127.0.0.1:${port}`
  const dataDir = options.dataDir ?? temporaryFolder()
  const { strategy = { kind: 'open' }, vaultKey = 'file', secrets } = options
  const chosen = typeof strategy === 'function' ? strategy(url) : strategy
  let log = ''
  const running = await serve({
    settings: {
      listen: { hostname: '127.0.0.1', port },
      dataDir,
      keep: {},
      strategy: chosen,
      trustedIssuers: readTrustedIssuers(
        { file: { trusted_issuers: options.trustedIssuers ?? [] } },
        {},
        chosen,
      ),
      rbac: options.rbac,
      defaultRole: options.defaultRole,
      trustedProxies: options.trustedProxies ?? [],
      runs: { ...NO_BOUNDS, ...options.runs },
      vault: readVaultSettings({
        flags: { ...(vaultKey === 'file' ? { 'secrets-key-file': vaultKeyFile() } : {}), ...secrets },
        env: {},
        file: undefined,
      }),
      tasks: driverSettings(options.drivers ?? {}, {}),
      secrets: new Map(),
    },
    clock: options.clock ?? systemClock,
    log: jsonLog((line) => void (log += `${line}\n`), Date.now),
    version: '0.0.0-test',
    sandboxCommand: SANDBOX,
    holdsSpareSandbox: false,
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  })
  return { ...running, dataDir, log: () => log }
}

/** OAuth with the server's own accounts. */
export const localAccounts = (url: string): Strategy => ({
  kind: 'oauth',
  localAccounts: true,
  identityProviders: {},
  sessionSecret: new Secret('a-session-secret-of-32-bytes-or-more'),
  callbackUrl: url,
})
