/** The composition root: opens the parts of the server in order, and closes them in the reverse order. */
import { resolve } from 'node:path'
import { claimFolder } from './db/data-folder-lock.ts'
import { openDomain, openStorage } from './open-server-without-http.ts'
import { openHttpApp } from './open-http-app.ts'
import { listen, stopListening } from './listen-before-app.ts'
import type { Log } from './log.ts'
import { setServerSecrets } from './open-server-vault.ts'
import type { Secret } from '../redact/secret.ts'
import type { OnClose, ServeDeps } from './serve-deps.ts'

export interface RunningServer {
  /** The address to use, with the port that was really taken. */
  url: string
  /** Stores the secrets for all tenants as they were read again. @throws Fault `config` as a start does */
  setSecrets(secrets: ReadonlyMap<string, Secret>): Promise<void>
  /** Stops the runs, lets open responses finish, closes the database. */
  stop(): Promise<void>
}

/** How often expired codes, sessions, tokens and logs are deleted, and when for the first time. */
const PURGE_EVERY_MS = 10 * 60_000
const FIRST_PURGE_MS = 5000

/** @throws Fault `config` when the settings, the passphrase, the folder or the port do not allow a start */
export async function serve(deps: ServeDeps): Promise<RunningServer> {
  const { settings, log } = deps
  const dataDir = resolve(settings.dataDir)
  const folder = claimFolder(dataDir)
  const closers: Parameters<OnClose>[0][] = [() => folder.release()]
  const onClose: OnClose = (close) => void closers.push(close)
  const closeAll = async () => {
    for (const close of closers.toReversed()) await close()
  }
  if (process.getuid?.() === 0) {
    log.warn('the server runs as root; pipelines with the native driver do as well', {
      hint: 'start it as a user of its own',
    })
  }
  try {
    const storage = await openStorage(deps, { dataDir, onClose })
    // The port is taken before the runs are looked at: a second start must not touch the first one's.
    const publicUrl = settings.strategy.kind === 'oauth' ? settings.strategy.callbackUrl : undefined
    const listener = listen({ ...settings.listen, publicUrl, log })
    onClose(() => stopListening(listener.server))
    const url = publicUrl ?? listener.url
    const domain = await openDomain(deps, { storage, url, onClose })
    listener.attach(openHttpApp(deps, { domain, url, listener }))
    onClose(purgeRegularly(domain.expiring, log))
    const setSecrets = (secrets: ReadonlyMap<string, Secret>) => setServerSecrets(storage.vault, secrets)
    return { url: listener.url, setSecrets, stop: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

function purgeRegularly(parts: readonly { purgeExpired(): Promise<void> }[], log: Log): () => void {
  const purge = () => {
    for (const part of parts) {
      part.purgeExpired().catch(() => log.warn('expired records could not be swept out'))
    }
  }
  const first = setTimeout(purge, FIRST_PURGE_MS)
  const timer = setInterval(purge, PURGE_EVERY_MS)
  return () => {
    clearTimeout(first)
    clearInterval(timer)
  }
}
