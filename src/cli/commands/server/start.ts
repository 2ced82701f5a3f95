/** `fob server`: runs the companion server until it is stopped. */
import { resolve } from 'node:path'
import { Fault } from '../../../contract/fault.ts'
import { VERSION } from '../../../platform/build-constants.ts'
import { narrowingOf } from '../../../platform/files/secret-file-exposure.ts'
import { hideFromSameUser } from '../../../platform/processes/hide-from-same-user.ts'
import { selfCommand } from '../../../platform/processes/self-command.ts'
import { gatherLines, jsonLog, type ServerLog } from '../../../server/log.ts'
import { type RunningServer, serve } from '../../../server/serve.ts'
import {
  changedSettings,
  gatherSettings,
  privateFiles,
  readSettings,
  type ServerSettings,
  type SettingSources,
  type SettingValues,
} from '../../../server/settings/settings.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { parseKeyValues } from '../../parsing/key-value-arguments.ts'
import { settingFlags, settingSources } from '../../administration/server-setting-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Run the companion server',
    details: `Every flag is also a variable (--data: FOB_DATA, CI_DATA) and a key of the --config file (data).
Without --basic-auth-… or an OAuth provider, the server is open to everyone on this machine.`,
    examples: [
      'fob server --dev                            # open, on 127.0.0.1:8080, to try it',
      'fob server init you@example.com && fob server --config fob.toml',
      'fob server --basic-auth-username admin --basic-auth-password-file ./password',
      'fob server --config /etc/fob.toml',
      'fob server --secrets-sqlite-path secrets.db --secrets-sqlite-passphrase-file ./passphrase \\\n' +
        '    --secret SHARED_TOKEN=tok-global-abc',
      'fob server --secrets-s3-bucket secrets --secrets-s3-endpoint http://localhost:9000 \\\n' +
        '    --secrets-s3-access-key-id ID --secrets-s3-secret-access-key-file ./s3-key \\\n' +
        '    --secrets-s3-passphrase-file ./passphrase',
      'fob server --local-accounts --oauth-session-secret-file ./session-secret \\\n' +
        '    --oauth-callback-url https://ci.example.com --secrets-sqlite-passphrase-file ./passphrase',
    ],
  },
  args: {
    ...settingFlags(() => true),
    secret: {
      type: 'string',
      repeatable: true,
      valueHint: 'KEY=VALUE',
      description: 'a secret for the pipelines of all tenants, stored for good (better: --secret-file)',
    },
  },
  run: async ({ args }, deps) => {
    const secrets = parseKeyValues(args.secret, '--secret')
    const read = async () => ({ ...(await settingSources(args, deps)), secrets })
    const sources = await read()
    await runServer({ settings: readSettings(sources), sources, values: gatherSettings(sources), read }, deps)
  },
})

interface RunServerOptions {
  settings: ServerSettings
  /** What they were read from. */
  sources: SettingSources
  /** The values that this gave. */
  values: SettingValues
  /** Reads it again. */
  read(): Promise<SettingSources>
}

/** Serves until the signal is aborted, then shuts down gracefully. */
async function runServer(options: RunServerOptions, deps: Deps): Promise<void> {
  const lines = gatherLines((text) => deps.io.stderr.write(text))
  const log = jsonLog(lines.write, () => deps.clock.now())
  // Also when a defect ends the process.
  process.once('exit', lines.flush)
  for (const path of privateFiles(options.sources).map((file) => resolve(file))) {
    const hint = narrowingOf(path)
    if (hint !== undefined) log.warn('others can read a file of secrets', { file: path, hint })
  }
  try {
    await serveUntilStopped(options, log, deps)
  } finally {
    process.off('exit', lines.flush)
    lines.flush()
  }
}

async function serveUntilStopped(options: RunServerOptions, log: ServerLog, deps: Deps): Promise<void> {
  const { settings } = options
  if (!hideFromSameUser()) log.warn('other processes of this user can read the memory of this server')
  const running = await serve({
    settings,
    log,
    clock: deps.clock,
    version: VERSION,
    sandboxCommand: [...selfCommand(), '__sandbox'],
    tasksCommand: [...selfCommand(), '__tasks'],
    env: deps.env,
  })
  log.info('listening', { url: running.url, strategy: settings.strategy.kind, data: settings.dataDir })
  if (deps.io.stderr.isTerminal) deps.io.stderr.write(welcome(running, settings))
  const unlisten = deps.onHangup(() => void readSecretsAgain(options, running, log))
  await new Promise<void>((resolve) => {
    if (deps.signal.aborted) resolve()
    else deps.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  unlisten()
  log.info('stopping')
  await running.stop()
  log.info('stopped')
}

/** Secrets that were mounted are exchanged under a running server. What cannot be read changes nothing. */
async function readSecretsAgain(
  { settings, values, read }: RunServerOptions,
  running: RunningServer,
  log: ServerLog,
): Promise<void> {
  try {
    const now = await read()
    const { secrets, trustedIssuers } = readSettings(now)
    await running.setSecrets(secrets)
    log.info('read the secret files again', { secrets: secrets.size })
    const sameIssuers = JSON.stringify(trustedIssuers) === JSON.stringify(settings.trustedIssuers)
    const changed = [
      ...changedSettings(values, gatherSettings(now)),
      ...(sameIssuers ? [] : ['trusted-issuers']),
    ]
    if (changed.length > 0) {
      log.warn('settings have changed that take effect at the next start', { settings: changed.join(' ') })
    }
  } catch (error) {
    const { message, hint } =
      error instanceof Fault ? error : { message: 'an internal error', hint: undefined }
    log.error('the secret files were not read again, and all stays as it was', { error: message, hint })
  }
}

function welcome({ url }: RunningServer, { strategy }: ServerSettings): string {
  const next = {
    open: `anyone on this machine may use it: fob pipeline list -s ${url}`,
    basic: `log in with: fob auth login -s ${url.replace('://', '://USER@')}`,
    oauth: `log in with: fob auth login -s ${url}`,
  }[strategy.kind]
  return `\nfob is at ${url}\n${next}\nCtrl-C stops it.\n\n`
}
