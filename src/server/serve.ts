/**
 * The composition root: builds every part of the server, joins them, and takes them down again in order.
 */
import { join, resolve } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import { openAccounts } from './accounts/accounts.ts'
import { type Authenticator, basicAuthenticator, oauthAuthenticator, openAuthenticator } from './auth/auth.ts'
import { claimFolder } from './db/exclusive.ts'
import { openDatabase } from './db/open.ts'
import { type Connection, createApp } from './http/app.ts'
import type { Services } from './http/services.ts'
import { type Issuer, openIssuer } from './issuer/issuer.ts'
import { revokeUserRecords } from './issuer/records.ts'
import type { Log } from './log.ts'
import { openServerVault, setServerSecrets } from './open-vault.ts'
import { openPipelines } from './pipelines/pipelines.ts'
import { openRuns } from './runs/run.ts'
import type { ServerSettings } from './settings.ts'
import { renderProtocolError } from './web/web.ts'

export interface RunningServer {
  /** The address to use, with the port that was really taken. */
  url: string
  /** Ends the running runs, lets open answers finish, closes the database. */
  stop(): Promise<void>
}

export interface ServeDeps {
  settings: ServerSettings
  clock: Clock
  log: Log
  version: string
  /** Starts this program as the sandbox of one script. */
  sandboxCommand: readonly string[]
}

/** How often expired codes, sessions and tokens are swept out. */
const PURGE_EVERY_MS = 10 * 60_000

/** The database of a data folder. */
export function databasePath(dataDir: string): string {
  return join(resolve(dataDir), 'fob.db')
}

/** @throws Fault `config` when the settings, the passphrase, the folder or the port do not allow a start */
export async function serve(deps: ServeDeps): Promise<RunningServer> {
  const dataDir = resolve(deps.settings.dataDir)
  const folder = claimFolder(dataDir)
  const closers: (() => void | Promise<void>)[] = [() => folder.release()]
  const closeAll = async () => {
    for (const close of closers.toReversed()) await close()
  }
  try {
    const database = openDatabase(databasePath(dataDir))
    closers.push(() => database.close())
    const { db } = database
    const { clock, log, settings } = deps
    const accounts = await openAccounts({
      db,
      clock,
      onCredentialsChanged: (user) => revokeUserRecords(db, user),
    })
    const defaultTenant = accounts.defaultTenant()
    const vaultDeps = { db, clock, log, defaultTenantId: defaultTenant.id }
    const vault = await openServerVault({ settings: settings.vault, ...vaultDeps })
    closers.push(() => vault.close())
    await setServerSecrets(vault, settings.secrets)
    // The port is taken before the runs are looked at: a second start must not touch the first one's.
    const listener = listen(settings.listen)
    closers.push(() => listener.server.stop(true))
    const url = settings.strategy.kind === 'oauth' ? settings.strategy.callbackUrl : listener.url
    const issuer =
      settings.strategy.kind === 'oauth'
        ? await openIssuer({
            db,
            url,
            sessionSecret: settings.strategy.sessionSecret,
            accounts,
            clock,
            log,
            errorPage: renderProtocolError,
          })
        : undefined
    const { sandboxCommand } = deps
    const runs = await openRuns({ db, dataDir, vault, clock, log, sandboxCommand })
    closers.push(() => runs.close())
    const services: Services = {
      settings: {
        url,
        strategy: settings.strategy.kind,
        version: deps.version,
        hosts: settings.strategy.kind === 'open' ? openHosts(settings) : undefined,
      },
      defaultTenant,
      authenticator: authenticator(settings, defaultTenant, issuer),
      issuer,
      accounts,
      vault,
      runs,
      clock,
      log,
      pipelines: openPipelines({ db, clock, vault }),
    }
    listener.attach(createApp(services))
    closers.push(sweep(issuer, log))
    return { url: listener.url, stop: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

interface Listener {
  server: Bun.Server<undefined>
  url: string
  attach(app: ReturnType<typeof createApp>): void
}

/** Takes the port at once and answers 503 until the app is attached. */
function listen({ hostname, port }: ServerSettings['listen']): Listener {
  let app: ReturnType<typeof createApp> | undefined
  let server: Bun.Server<undefined>
  try {
    server = Bun.serve({
      hostname,
      port,
      fetch(request, bun) {
        if (app === undefined)
          return new Response('starting\n', { status: 503, headers: { 'retry-after': '1' } })
        const connection: Connection = {
          address: bun.requestIP(request)?.address ?? '',
          keepOpen: () => bun.timeout(request, 0),
        }
        return app.fetch(request, connection)
      },
      error: () => new Response('the server failed\n', { status: 500 }),
    })
  } catch (error) {
    throw new Fault('config', `cannot listen on ${hostname}:${port}: ${listenFailure(error)}`, {
      hint: 'choose another one with --listen HOST:PORT',
      cause: error,
    })
  }
  const name = hostname === '0.0.0.0' || hostname === '::' ? 'localhost' : hostname
  return {
    server,
    url: `http://${name.includes(':') ? `[${name}]` : name}:${server.port}`,
    attach(ready) {
      app = ready
    },
  }
}

function listenFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'another program has that port'
  if (code === 'EACCES') return 'this user may not use that port'
  return 'the address is not one of this machine'
}

/** Without authentication only loopback names are answered to, unless the network was let in by name. */
function openHosts({ listen }: ServerSettings): ReadonlySet<string> | undefined {
  const loopback = ['localhost', '127.0.0.1', '[::1]']
  const own = listen.hostname.includes(':') ? `[${listen.hostname}]` : listen.hostname
  return loopback.includes(own) || own.startsWith('127.') ? new Set([...loopback, own]) : undefined
}

function authenticator(
  { strategy }: ServerSettings,
  tenant: { id: string; slug: string },
  issuer: Issuer | undefined,
): Authenticator {
  if (strategy.kind === 'open') return openAuthenticator(tenant)
  if (strategy.kind === 'basic') return basicAuthenticator(tenant, strategy)
  return oauthAuthenticator({
    url: strategy.callbackUrl,
    verify: async (token) => issuer?.verifyAccessToken(token),
  })
}

function sweep(issuer: Issuer | undefined, log: Log): () => void {
  if (issuer === undefined) return () => {}
  const timer = setInterval(() => {
    issuer.purgeExpired().catch(() => log.warn('expired records could not be swept out'))
  }, PURGE_EVERY_MS)
  return () => clearInterval(timer)
}
