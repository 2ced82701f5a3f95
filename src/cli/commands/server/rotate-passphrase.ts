/** `fob server rotate-passphrase`: changes the passphrase, or the key file, that protects the secrets. */
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { rotatePassphrase } from '../../../server/administration/rotate-passphrase.ts'
import { readKeyFile, readVaultSettings } from '../../../server/settings/settings.ts'
import type { SettingSources } from '../../../server/settings/setting-values.ts'
import { settingFlags, settingSources } from '../../administration/server-setting-flags.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readNamedFile } from '../../input/read-named-file.ts'
import { readNewSecret } from '../../input/read-secret.ts'
import type { Globals } from '../../parsing/global-flags.ts'

/** A passphrase longer than this is a file given by mistake. */
const MAX_PASSPHRASE_BYTES = 4096
/** The server takes a long one from a file, so it can be set as well. */
const MAX_FILE_BYTES = 64 * 1024

export const command = defineCommand({
  meta: {
    description: 'Change the passphrase of the secrets',
    details: `Takes the settings of the server, with its current passphrase. The secrets themselves are not touched, and a server
that is running continues; give it the new passphrase before its next start. If somebody else knew the old one,
restart the server, then move the secrets to a new key with "fob secrets re-encrypt".`,
    examples: [
      'fob server rotate-passphrase --config fob.toml                     # asks for the new one',
      'fob server rotate-passphrase --data /var/lib/fob --secrets-sqlite-passphrase-file old \\\n' +
        '    --new-passphrase-file new',
      'fob server rotate-passphrase --config fob.toml --new-key-file key  # from now on a key file',
    ],
  },
  args: {
    ...settingFlags((name) => name === 'data' || name.startsWith('secrets-')),
    'new-passphrase-file': { type: 'string', valueHint: 'PATH', description: 'the new passphrase' },
    'new-key-file': {
      type: 'string',
      valueHint: 'PATH',
      description: 'instead: a file of 32 random bytes, or their hex or base64',
    },
  },
  run: async ({ args, globals }, deps) => {
    const options = {
      globals,
      sources: await settingSources(args, deps),
      passphrasePath: args['new-passphrase-file'],
      keyPath: args['new-key-file'],
    }
    if (options.passphrasePath !== undefined && options.keyPath !== undefined) {
      throw new Fault('usage', '--new-passphrase-file and --new-key-file cannot be used together')
    }
    await rotate(options, deps)
  },
})

interface RotateOptions {
  globals: Globals
  /** Of the server's settings, among them the current passphrase. */
  sources: SettingSources
  /** At most one of the two; neither: the new passphrase is asked for. */
  passphrasePath: string | undefined
  keyPath: string | undefined
}

async function rotate(options: RotateOptions, deps: Deps): Promise<void> {
  const settings = readVaultSettings(options.sources)
  if (settings.unlock === undefined) {
    throw new Fault('usage', 'the current passphrase is not given', {
      hint: `give it with ${settings.store.passphraseFlag}-file PATH, or name the server's --config`,
    })
  }
  const next = await readNext(options, deps)
  const say = (text: string) => deps.io.stderr.write(`${text}\n`)
  const log = { info: () => {}, warn: say, error: say }
  await rotatePassphrase(settings, next, { clock: deps.clock, log })
  say(`The secrets are protected by the new ${next.kind}; start the server with it from now on`)
}

async function readNext({ passphrasePath, keyPath, globals }: RotateOptions, deps: Deps) {
  if (keyPath !== undefined) return { kind: 'key file', key: readKeyFile(keyPath) } as const
  if (passphrasePath !== undefined) {
    return { kind: 'passphrase', passphrase: await readPassphrase(passphrasePath, deps) } as const
  }
  const question = {
    what: 'new passphrase',
    instead: '--new-passphrase-file PATH',
    limitBytes: MAX_PASSPHRASE_BYTES,
  }
  return { kind: 'passphrase', passphrase: await readNewSecret(deps, globals, question) } as const
}

/** As the server reads it: without one line end at the end. */
async function readPassphrase(path: string, deps: Deps): Promise<Secret> {
  const bytes = await readNamedFile(path, { limitBytes: MAX_FILE_BYTES }, deps)
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/\r?\n$/, '')
  if (text === '') throw new Fault('usage', `${path} is empty`)
  return new Secret(text)
}
