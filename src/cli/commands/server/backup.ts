/** `fob server backup`: copies the data of a server into one file. */
import { backUp } from '../../../server/administration/back-up-and-restore.ts'
import { readDataPlaces } from '../../../server/settings/settings.ts'
import { did } from '../../administration/data-folder-flags-and-access.ts'
import { settingFlags, settingSources } from '../../administration/server-setting-flags.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  meta: {
    description: 'Back up the data of a server into one file',
    details: `Can run while the server runs: the file is the data of one moment. Its pages and its audit log are checked before it gets
its name. Where secrets have a database of their own, it is copied to FILE-secrets. Secrets stay encrypted; keep the
passphrase and the session secret of the server elsewhere: they are not in the backup, and it is of no use without.`,
    examples: [
      'fob server backup /backup/fob-$(date +%F).db',
      'fob server backup /backup/fob.db --config fob.toml --force  # replaces the last one, once the new one is whole',
    ],
  },
  args: {
    ...settingFlags((name) => name === 'data' || name === 'secrets-sqlite-path'),
    file: { type: 'positional', valueHint: 'FILE', description: 'the file of the backup' },
    force: { type: 'boolean', description: 'replace a file that is there' },
  },
  run: async ({ args, globals }, deps) => {
    const places = readDataPlaces(await settingSources(args, deps))
    const copies = await backUp(places, args.file, { replace: args.force === true })
    const words = copies.map(({ to, bytes }) => `${to} (${sizeOf(bytes)})`).join(' and ')
    did(globals, deps, { what: { files: copies }, words: `Backed up to ${words}` })
  },
})

function sizeOf(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
