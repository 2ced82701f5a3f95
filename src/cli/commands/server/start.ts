/** `fob server`: runs the companion server until it is stopped. */
import { resolve } from 'node:path'
import { VERSION } from '../../../platform/build-constants.ts'
import { narrowingOf } from '../../../platform/files/read-private-files.ts'
import { hideFromSameUser } from '../../../platform/processes/hide-from-same-user.ts'
import { selfCommand } from '../../../platform/processes/self-command.ts'
import { gatherLines, jsonLog, type ServerLog } from '../../../server/log.ts'
import { type RunningServer, serve } from '../../../server/serve.ts'
import { readSettings, type ServerSettings } from '../../../server/settings/settings.ts'
import { privateFiles } from '../../../server/settings/settings.ts'
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
    const sources = await settingSources(args, deps)
    const secrets = parseKeyValues(args.secret, '--secret')
    const settings = readSettings({ ...sources, secrets })
    await runServer({ settings, secretFiles: privateFiles(sources) }, deps)
  },
})

interface RunServerOptions {
  settings: ServerSettings
  /** Those that others should not be able to read: warned about where they can. */
  secretFiles: readonly string[]
}

/** Serves until the signal is aborted, then shuts down gracefully. */
async function runServer({ settings, secretFiles }: RunServerOptions, deps: Deps): Promise<void> {
  const lines = gatherLines((text) => deps.io.stderr.write(text))
  const log = jsonLog(lines.write, () => deps.clock.now())
  // Also when a defect ends the process.
  process.once('exit', lines.flush)
  for (const path of secretFiles.map((file) => resolve(file))) {
    const hint = narrowingOf(path)
    if (hint !== undefined) log.warn('others can read a file of secrets', { file: path, hint })
  }
  try {
    await serveUntilStopped(settings, log, deps)
  } finally {
    process.off('exit', lines.flush)
    lines.flush()
  }
}

async function serveUntilStopped(settings: ServerSettings, log: ServerLog, deps: Deps): Promise<void> {
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
  await new Promise<void>((resolve) => {
    if (deps.signal.aborted) resolve()
    else deps.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  log.info('stopping')
  await running.stop()
  log.info('stopped')
}

function welcome({ url }: RunningServer, { strategy }: ServerSettings): string {
  const next = {
    open: `anyone on this machine may use it: fob pipeline list -s ${url}`,
    basic: `log in with: fob auth login -s ${url.replace('://', '://USER@')}`,
    oauth: `log in with: fob auth login -s ${url}`,
  }[strategy.kind]
  return `\nfob is at ${url}\n${next}\nCtrl-C stops it.\n\n`
}
