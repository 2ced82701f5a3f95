import { Fault } from '../../../contract/fault.ts'
import { VERSION } from '../../../platform/build.ts'
import { hideFromSameUser } from '../../../platform/harden.ts'
import { selfCommand } from '../../../platform/process.ts'
import { jsonLog } from '../../../server/log.ts'
import { type RunningServer, serve } from '../../../server/serve.ts'
import { SETTINGS } from '../../../server/setting-names.ts'
import { readSettings, type ServerSettings } from '../../../server/settings.ts'
import { defineCommand, type Flag } from '../../command.ts'
import type { Deps } from '../../deps.ts'

export const command = defineCommand({
  summary: 'Run the companion server',
  description: [
    'Every flag is also a variable (--data: FOB_DATA, CI_DATA) and a key of the --config file (data).',
    'Without --basic-auth-… or an OAuth provider the server is open to everyone on this machine.',
  ].join('\n'),
  examples: [
    'fob server                                  # open, on 127.0.0.1:8080, for a look around',
    'fob server --basic-auth-username admin --basic-auth-password-file ./password',
    'fob server --config /etc/fob.toml',
    'fob server --local-accounts --oauth-session-secret-file ./session-secret \\\n' +
      '    --oauth-callback-url https://ci.example.com --secrets-sqlite-passphrase-file ./passphrase',
  ],
  flags: { config: { type: 'string', value: 'FILE', description: 'settings in TOML' }, ...settingFlags() },
  positionals: {},
  async run({ flags }, deps) {
    const given: Record<string, string | undefined> = {}
    for (const [name, value] of Object.entries<unknown>(flags)) {
      // A switch that is not given is unset, not "false": a variable or the file may still set it.
      given[name] = value === true ? 'true' : typeof value === 'string' ? value : undefined
    }
    const file = given.config === undefined ? undefined : await readConfig(given.config)
    await runServer(readSettings({ flags: given, env: deps.env, file }), deps)
  },
})

/** Serves until the signal is aborted, then shuts down gracefully. */
export async function runServer(settings: ServerSettings, deps: Deps): Promise<void> {
  const log = jsonLog(
    (line) => deps.io.stderr.write(`${line}\n`),
    () => deps.clock.now(),
  )
  if (!hideFromSameUser()) log.warn('other processes of this user can read the memory of this server')
  const running = await serve({
    settings,
    log,
    clock: deps.clock,
    version: VERSION,
    sandboxCommand: [...selfCommand(), '__sandbox'],
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

function settingFlags(): Record<string, Flag> {
  const flags: Record<string, Flag> = {}
  for (const [name, { description, value, secret }] of Object.entries(SETTINGS)) {
    flags[name] =
      value === undefined
        ? { type: 'boolean', description }
        : {
            type: 'string',
            value,
            description: secret === true ? `${description} (better: --${name}-file)` : description,
          }
    if (secret === true)
      flags[`${name}-file`] = { type: 'string', value: 'PATH', description: 'the same from a file' }
  }
  return flags
}

async function readConfig(path: string): Promise<unknown> {
  const file = Bun.file(path)
  if (!(await file.exists())) throw new Fault('config', `there is no settings file ${path}`)
  const { parseToml } = await import('../../../platform/toml.ts')
  const parsed = parseToml(await file.text())
  if (!parsed.ok) throw new Fault('config', `${path}:${parsed.line}:${parsed.column}: this is not TOML`)
  return parsed.table
}
