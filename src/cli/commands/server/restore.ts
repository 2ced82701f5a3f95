/** `fob server restore`: puts a backup where a server finds it. */
import { restore } from '../../../server/administration/back-up-and-restore.ts'
import { readDataPlaces } from '../../../server/settings/settings.ts'
import { did } from '../../administration/data-folder-flags-and-access.ts'
import { settingFlags, settingSources } from '../../administration/server-setting-flags.ts'
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  meta: {
    description: 'Restore the data of a server from a backup',
    details: `The server must not be running. The backup is checked before anything is touched. Data that is there is not deleted: with
--force it is moved aside. What was revoked after the backup was made is valid again: logins, tokens, memberships.`,
    examples: [
      'fob server restore /backup/fob-2026-11-30.db --data /var/lib/fob',
      'fob server restore /backup/fob.db --config fob.toml --force  # moves the data aside that is there',
    ],
  },
  args: {
    ...settingFlags((name) => name === 'data' || name === 'secrets-sqlite-path'),
    file: {
      type: 'positional',
      valueHint: 'FILE',
      description: 'what "fob server backup" wrote',
    },
    force: { type: 'boolean', description: 'move data aside that is there' },
  },
  run: async ({ args, globals }, deps) => {
    const places = readDataPlaces(await settingSources(args, deps))
    const options = { replace: args.force === true, now: deps.clock.now() }
    const { copies, aside } = await restore(args.file, places, options)
    const moved = aside.map((path) => `; the earlier data is now ${path}`).join('')
    const words = `Restored ${copies.map(({ to }) => to).join(' and ')}${moved}
Logins and tokens that were revoked after the backup was made are valid again`
    did(globals, deps, { what: { files: copies, moved_aside: aside }, words })
  },
})
