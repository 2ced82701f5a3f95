/** `fob server init`: sets up a new server with accounts of its own. */
import { administer } from '../../../server/administration/open-data-folder.ts'
import { writeInitialSettings } from '../../../server/administration/write-initial-settings.ts'
import { readSettings } from '../../../server/settings/settings.ts'
import { did } from '../../administration/data-folder-flags-and-access.ts'
import { readNewPassword } from '../../administration/read-new-password.ts'
import { settingSources } from '../../administration/server-setting-flags.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

const DEFAULTS = { config: 'fob.toml', data: 'fob-data', listen: '127.0.0.1:8080' }

export const command = defineCommand({
  meta: {
    description: 'Set up a new server with accounts of its own',
    details: `Writes the settings (fob.toml), and beside them a session secret and a passphrase, each for you alone (0600), and adds
the first account, an administrator. Nothing that is there is overwritten. Then: fob server --config fob.toml`,
    examples: [
      'fob server init you@example.com                                        # asks for a password',
      'fob server init you@example.com --config /etc/fob/fob.toml --data /var/lib/fob \\\n' +
        '    --oauth-callback-url https://ci.example.com',
    ],
  },
  args: {
    config: {
      type: 'string',
      valueHint: 'FILE',
      description: `where the settings go (default ./${DEFAULTS.config})`,
    },
    data: {
      type: 'string',
      valueHint: 'DIR',
      description: `where the data goes (default ./${DEFAULTS.data})`,
    },
    listen: {
      type: 'string',
      valueHint: 'HOST:PORT',
      description: `where the server listens (default ${DEFAULTS.listen})`,
    },
    'oauth-callback-url': {
      type: 'string',
      valueHint: 'URL',
      description: 'the address that browsers use, https in front of a proxy (default: where it listens)',
    },
    'password-stdin': {
      type: 'boolean',
      default: false,
      description: 'read the password from standard input',
    },
    email: { type: 'positional', description: 'the e-mail address of the first account' },
  },
  run: async ({ args, globals }, deps) => {
    const listen = args.listen ?? DEFAULTS.listen
    const settings = {
      configPath: args.config ?? DEFAULTS.config,
      dataDir: args.data ?? DEFAULTS.data,
      url: args['oauth-callback-url'] ?? `http://${listen}`,
      listen,
    }
    await initialise({ settings, email: args.email, fromStdin: args['password-stdin'], globals }, deps)
  },
})

interface InitOptions {
  settings: Parameters<typeof writeInitialSettings>[0]
  email: string
  fromStdin: boolean
  globals: Globals
}

/** Takes back what it wrote where it fails, or where nobody gives a password. */
async function initialise({ settings, email, fromStdin, globals }: InitOptions, deps: Deps): Promise<void> {
  const { configPath, dataDir } = settings
  const { paths, undo } = writeInitialSettings(settings)
  try {
    // What was written is what a server accepts: a wrong URL or address is said now.
    readSettings(await settingSources({ config: configPath }, { ...deps, env: {} }))
    const password = await readNewPassword({ email, fromStdin, globals }, deps)
    await administer({ dataDir, clock: deps.clock, create: true }, async ({ accounts, audit }) => {
      const added = await accounts.addLocal({ email, password, role: 'admin' })
      const target = `${added.provider}:${added.subject}`
      const details = { role: added.role }
      audit.record({ tenantId: added.tenant.id, actor: 'console', action: 'user.add', target, details })
    })
  } catch (error) {
    undo()
    throw error
  }
  const words = `Wrote ${paths.join(', ')} and added ${email} (admin)
Start it with: fob server --config ${configPath}
Then log in:   fob auth login -s ${settings.url}`
  did(globals, deps, {
    what: { files: paths, data: dataDir, url: settings.url, email, role: 'admin' },
    words,
  })
}
