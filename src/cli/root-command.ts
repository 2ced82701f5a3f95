import type { Command } from './command.ts'

/** The words a user can type. Summaries stand here so that `--help` of a group loads none of its commands. */
export interface Leaf {
  kind: 'leaf'
  summary: string
  /** Left out of lists: another spelling of a command listed elsewhere. */
  hidden?: boolean
  load(): Promise<{ command: Command }>
}
export interface Group {
  kind: 'group'
  summary: string
  hidden?: boolean
  children: Readonly<Record<string, Leaf | Group>>
  /** The child that runs when no word follows: `fob server`. */
  fallback?: string
}
export type Node = Leaf | Group

const leaf = (summary: string, load: Leaf['load']): Leaf => ({ kind: 'leaf', summary, load })
const alias = (of: Leaf): Leaf => ({ ...of, hidden: true })
const group = (summary: string, children: Group['children']): Group => ({ kind: 'group', summary, children })

const login = leaf('Log in to a server', () => import('./commands/auth/login.ts'))
const status = leaf('Show every stored login', () => import('./commands/auth/status.ts'))
const refresh = leaf('Renew the login now', () => import('./commands/auth/refresh.ts'))
const logout = leaf('Revoke and forget a login', () => import('./commands/auth/logout.ts'))

export const TREE: Group = group('Every way a credential can reach a command line', {
  auth: group('Log in, log out, hand tokens on', {
    login,
    status,
    token: leaf('Print the access token', () => import('./commands/auth/token.ts')),
    refresh,
    switch: leaf('Choose the login that commands use', () => import('./commands/auth/switch.ts')),
    trust: leaf("Say yes to a project's .fob.toml", () => import('./commands/auth/trust.ts')),
    logout,
  }),
  tenants: group('Whose things commands work with', {
    list: leaf('List the tenants that you are a member of', () => import('./commands/tenants/list.ts')),
    use: leaf('Choose the tenant that commands work in', () => import('./commands/tenants/use.ts')),
  }),
  whoami: leaf('Who am I (works offline)', () => import('./commands/whoami.ts')),
  secrets: group('Values that pipelines use and nobody reads', {
    set: leaf('Set a secret', () => import('./commands/secrets/set.ts')),
    list: leaf('List the names of secrets', () => import('./commands/secrets/list.ts')),
    rm: leaf('Delete a secret', () => import('./commands/secrets/rm.ts')),
    rewrap: leaf('Move all secrets to a new data key', () => import('./commands/secrets/re-encrypt.ts')),
  }),
  pipeline: group('Programs that the server runs', {
    set: leaf('Upload a pipeline', () => import('./commands/pipeline/set.ts')),
    list: leaf('List pipelines', () => import('./commands/pipeline/list.ts')),
    show: leaf('Show one pipeline', () => import('./commands/pipeline/show.ts')),
    run: leaf('Run a pipeline and follow its log', () => import('./commands/pipeline/run.ts')),
    pause: leaf('Let no run of a pipeline begin', () => import('./commands/pipeline/pause.ts')),
    unpause: leaf('Let a pipeline run again', () => import('./commands/pipeline/unpause.ts')),
    webhook: leaf('Let a webhook begin runs', () => import('./commands/pipeline/webhook.ts')),
    types: leaf('Print what a pipeline can call', () => import('./commands/pipeline/types.ts')),
    rm: leaf('Delete a pipeline', () => import('./commands/pipeline/rm.ts')),
  }),
  run: leaf('Run a pipeline without a login or a prompt', () => import('./commands/run.ts')),
  tokens: group('Scoped tokens for programs (ci_…)', {
    create: leaf('Make a scoped token for a program', () => import('./commands/tokens/create.ts')),
    list: leaf('List your tokens', () => import('./commands/tokens/list.ts')),
    revoke: leaf('End a token', () => import('./commands/tokens/revoke.ts')),
  }),
  runners: group('Machines that run pipelines, and their tokens (rn_…)', {
    create: leaf('Register a runner', () => import('./commands/runners/create.ts')),
    list: leaf('List runners', () => import('./commands/runners/list.ts')),
    regenerate: leaf("Replace a runner's token", () => import('./commands/runners/regenerate.ts')),
    rm: leaf('Delete a runner', () => import('./commands/runners/rm.ts')),
  }),
  runs: group('What has run, and what it said', {
    list: leaf('List runs, newest first', () => import('./commands/runs/list.ts')),
    show: leaf('Show one run and its tasks', () => import('./commands/runs/show.ts')),
    logs: leaf('Print the log of a run', () => import('./commands/runs/logs.ts')),
    resume: leaf('Run a failed run again from where it failed', () => import('./commands/runs/resume.ts')),
    stop: leaf('Stop a run', () => import('./commands/runs/stop.ts')),
  }),
  server: {
    kind: 'group',
    summary: 'Run the companion server',
    fallback: 'start',
    children: {
      start: alias(leaf('Run the companion server', () => import('./commands/server/start.ts'))),
      user: group('Accounts of a server with --local-accounts', {
        add: leaf('Add an account', () => import('./commands/server/user/add.ts')),
        list: leaf('List accounts', () => import('./commands/server/user/list.ts')),
        passwd: leaf('Change a password', () => import('./commands/server/user/passwd.ts')),
        rm: leaf('Remove an account', () => import('./commands/server/user/rm.ts')),
      }),
      tenant: group('Tenants of a server, and who belongs to them', {
        add: leaf('Add a tenant', () => import('./commands/server/tenant/add.ts')),
        list: leaf('List tenants', () => import('./commands/server/tenant/list.ts')),
        rm: leaf('Remove an empty tenant', () => import('./commands/server/tenant/rm.ts')),
        member: group('Who belongs to a tenant', {
          add: leaf('Add a member, or change a role', () => import('./commands/server/tenant/member/add.ts')),
          list: leaf('List members', () => import('./commands/server/tenant/member/list.ts')),
          rm: leaf('Take a member out', () => import('./commands/server/tenant/member/rm.ts')),
        }),
      }),
      check: leaf('Check the database and the audit log', () => import('./commands/server/check.ts')),
      'service-key': group('Keys with which machines get short-lived tokens', {
        add: leaf('Make a service key', () => import('./commands/server/service-key/add.ts')),
        list: leaf('List service keys', () => import('./commands/server/service-key/list.ts')),
        rm: leaf('Delete a service key and its tokens', () => import('./commands/server/service-key/rm.ts')),
      }),
      'rotate-passphrase': leaf(
        'Change the passphrase of the secrets',
        () => import('./commands/server/rotate-passphrase.ts'),
      ),
    },
  },
  completion: leaf('Print what makes a shell complete fob', () => import('./commands/completion.ts')),
  version: leaf('Print the version', () => import('./commands/version.ts')),
  __complete: alias(leaf('Say what can stand at the cursor', () => import('./commands/__complete.ts'))),
  login: alias(login),
  profile: {
    ...group('Other names for auth commands', { login, status, refresh, logout }),
    hidden: true,
  },
})
