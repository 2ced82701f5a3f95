import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { rotatePassphrase } from '../../../server/administration/rotate-passphrase.ts'
import { readKeyFile, readVaultSettings } from '../../../server/settings/settings.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readGivenFile } from '../../input/read-named-file.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { readNewSecret } from '../../input/read-secret.ts'
import { settingFlags, settingSources } from '../../administration/setting-flags.ts'

/** A passphrase longer than this is a file given by mistake. */
const MAX_PASSPHRASE_BYTES = 4096
/** The server takes a long one from a file, so it can be set as well. */
const MAX_FILE_BYTES = 64 * 1024

export const command = defineCommand({
  summary: 'Change the passphrase of the secrets',
  description:
    'Takes the settings of the server, with the passphrase of now. The secrets themselves are not touched, and a\n' +
    'server that runs goes on; give it the new passphrase before its next start. If somebody else knew the old\n' +
    'one: start the server again, then move the secrets to a new key with "fob secrets rewrap".',
  examples: [
    'fob server rotate-passphrase --config fob.toml                     # asks for the new one',
    'fob server rotate-passphrase --data /var/lib/fob --secrets-sqlite-passphrase-file old \\\n' +
      '    --new-passphrase-file new',
    'fob server rotate-passphrase --config fob.toml --new-key-file key  # from now on a key file',
  ],
  flags: {
    ...settingFlags((name) => name === 'data' || name.startsWith('secrets-')),
    'new-passphrase-file': { type: 'string', value: 'PATH', description: 'the new passphrase' },
    'new-key-file': {
      type: 'string',
      value: 'PATH',
      description: 'instead: a file of 32 random bytes, or their hex or base64',
    },
  },
  positionals: {},
  async run({ flags, globals }, deps) {
    const settings = readVaultSettings(await settingSources(flags, deps))
    if (settings.unlock === undefined) {
      throw new Fault('usage', 'the passphrase of now is not given', {
        hint: `give it with ${settings.store.passphraseFlag}-file PATH, or name the server's --config`,
      })
    }
    const next = await readNext(flags['new-passphrase-file'], flags['new-key-file'], deps, globals)
    const say = (text: string) => deps.io.stderr.write(`${text}\n`)
    const log = { info: () => {}, warn: say, error: say }
    await rotatePassphrase(settings, next, { clock: deps.clock, log })
    say(`The secrets are under the new ${next.kind}; start the server with it from now on`)
  },
})

async function readNext(
  passphrasePath: string | undefined,
  keyPath: string | undefined,
  deps: Deps,
  globals: Globals,
) {
  if (passphrasePath !== undefined && keyPath !== undefined) {
    throw new Fault('usage', 'give either --new-passphrase-file or --new-key-file')
  }
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
  const bytes = await readGivenFile(path, { limitBytes: MAX_FILE_BYTES }, deps)
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/\r?\n$/, '')
  if (text === '') throw new Fault('usage', `${path} is empty`)
  return new Secret(text)
}
