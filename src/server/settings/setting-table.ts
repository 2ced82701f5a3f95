/** The table of all settings of the server: the flag, the variables and the key in the settings file of each. */
import { BACKENDS } from '../vault/backend-registry.ts'

/**
 * Every setting of the server. One table gives the flag (`--data`), the variables (`FOB_DATA`, then
 * `CI_DATA`) and the key in the settings file (`data`), so the three can never drift apart.
 */
export interface Setting {
  description: string
  /** What help shows for the value; a switch has none. */
  value?: string
  /** Can also be read from a file: `--x-file PATH`, `FOB_X_FILE`. */
  secret?: true
  /** It is a path, which in a settings file is relative to that file's folder. */
  path?: true
  /** What the file holds is for nobody else to read. */
  private?: true
}

const table = {
  listen: { value: 'HOST:PORT', description: 'where to listen (default 127.0.0.1:8080)' },
  data: {
    value: 'DIR',
    path: true,
    description: 'the folder of the database and the runs (default ./fob-data)',
  },
  dev: {
    description: 'to try fob: no authentication, this machine only, secrets under a key in the data folder',
  },
  'open-to-network': { description: 'allow a server without authentication beyond loopback' },
  'basic-auth-username': { value: 'NAME', description: 'the one user of Basic authentication' },
  'basic-auth-password': { value: 'PASSWORD', secret: true, description: 'and the password' },
  'local-accounts': { description: 'OAuth with accounts of this server (fob server user add)' },
  'oauth-session-secret': {
    value: 'SECRET',
    secret: true,
    description: 'signs tokens and encrypts cookies; 32 bytes or more',
  },
  'oauth-callback-url': {
    value: 'URL',
    description:
      'the public base URL of this server, for example https://ci.example.com; http on loopback alone',
  },
  'oauth-access-token-ttl': {
    value: 'TIME',
    description: 'how long an access token lives that comes with a refresh token: 15m, 2h (default 1h)',
  },
  'oauth-access-token-alone-ttl': {
    value: 'TIME',
    description: 'how long one lives that comes without: 12h, 7d (default 30d)',
  },
  'oauth-refresh-token-ttl': {
    value: 'TIME',
    description: 'how long an unused login lasts; each refresh starts it again: 12h, 90d (default 30d)',
  },
  'oauth-github-client-id': { value: 'ID', description: 'log in with GitHub' },
  'oauth-github-client-secret': { value: 'SECRET', secret: true, description: 'and its secret' },
  'oauth-github-url': {
    value: 'URL',
    description: 'a GitHub Enterprise Server (default https://github.com)',
  },
  'oauth-gitlab-client-id': { value: 'ID', description: 'log in with GitLab' },
  'oauth-gitlab-client-secret': { value: 'SECRET', secret: true, description: 'and its secret' },
  'oauth-gitlab-url': { value: 'URL', description: 'a GitLab of your own (default https://gitlab.com)' },
  'oauth-microsoft-client-id': { value: 'ID', description: 'log in with Microsoft' },
  'oauth-microsoft-client-secret': { value: 'SECRET', secret: true, description: 'and its secret' },
  'oauth-microsoft-tenant': {
    value: 'TENANT',
    description: 'whose accounts: the ID or domain of a directory (default common: anybody)',
  },
  'oauth-microsoft-url': {
    value: 'URL',
    description: 'another cloud (default https://login.microsoftonline.com)',
  },
  'membership-max-age': {
    value: 'TIME',
    description:
      'how old the organizations and groups that rules ask for may be; then they are read again: 1h, 7d (default 24h)',
  },
  rbac: {
    value: 'RULE',
    description: 'who may use this server at all, for example: Email endsWith "@company.com"',
  },
  'trusted-issuer': {
    value: 'ISSUER',
    description:
      'whose JWTs are accepted as bearer tokens: github or gitlab (for CI jobs), or the URL of an issuer; several: [[trusted_issuers]] in the settings file',
  },
  'trusted-issuer-url': {
    value: 'URL',
    description: 'with github or gitlab: an instance of your own',
  },
  'trusted-issuer-keys-url': {
    value: 'URL',
    description: 'where its keys are (jwks_uri), for an issuer that publishes no metadata',
  },
  'trusted-issuer-audience': {
    value: 'AUDIENCE',
    description: 'what aud of these tokens has to be (default: the URL of this server)',
  },
  'trusted-issuer-repositories': {
    value: 'NAMES',
    description: 'with github or gitlab: whose jobs are let in, such as my-org/app,my-org/infra-*',
  },
  'trusted-issuer-rule': {
    value: 'RULE',
    description: 'which tokens are let in, for example: claims.ref == "refs/heads/main"',
  },
  'trusted-issuer-tenant': { value: 'SLUG', description: 'the tenant that they belong to (default default)' },
  'trusted-issuer-role': {
    value: 'ROLE',
    description: 'what they may do: viewer, member or admin; without it, --trusted-issuer-scopes',
  },
  'trusted-issuer-scopes': {
    value: 'SCOPES',
    description: 'what they may do (default runs:trigger: start runs, and follow those)',
  },
  'trusted-issuer-pipelines': {
    value: 'NAMES',
    description: 'the only pipelines that they reach, such as deploy,check-* (default all)',
  },
  'trusted-issuer-max-lifetime': {
    value: 'TIME',
    description: 'how long such a token may live at most: 15m, 12h, 30d (default 24h)',
  },
  admin: {
    value: 'PERSON',
    description:
      'who becomes administrator at a login while there is none: an e-mail, or github:ID, gitlab:ID, microsoft:ID',
  },
  'default-role': {
    value: 'ROLE',
    description:
      'what somebody from a provider becomes in the default tenant at their first login, once the rule lets them in: none, viewer or member (default member)',
  },
  'metrics-open': { description: 'GET /metrics for anybody; without it, for administrators of the server' },
  'trusted-proxy': {
    value: 'ADDRESSES',
    description: 'addresses or networks whose X-Forwarded-For is believed (default none)',
  },
  'allow-network': {
    value: 'PLACES',
    description:
      'what pipelines may fetch in addition to the internet: addresses, networks and names, such as 10.1.0.0/16,*.corp.example (default none)',
  },
  'runs-at-once': { value: 'N', description: 'runs at once; the others wait (default 16)' },
  'runs-per-tenant': {
    value: 'N',
    description: 'and of these, runs of one tenant (default: as many as of all)',
  },
  'runs-waiting': {
    value: 'N',
    description: 'runs of one tenant that may wait; more are refused with 429 (default 100)',
  },
  drivers: {
    value: 'NAMES',
    description: 'what tasks may run on; the first where a pipeline names none (default native,docker)',
  },
  'docker-host': {
    value: 'URL',
    description: 'unix:///PATH or tcp://HOST:PORT (default: as docker finds it: DOCKER_HOST, its context)',
  },
  'docker-network': {
    value: 'NAME',
    description: "the Docker daemon's network for tasks (default bridge; none: no network)",
  },
  'docker-pull': {
    value: 'WHEN',
    description: 'when images are pulled: missing, always or never (default missing)',
  },
  'secrets-key-file': {
    value: 'PATH',
    path: true,
    private: true,
    description: 'instead of a passphrase: a file of 32 random bytes, or their hex or base64',
  },
  'tasks-wait': {
    value: 'TIME',
    description: 'how long tasks continue after the server was killed: 90s, 10m, 2h (default 10m)',
  },
  'keep-logs': {
    value: 'TIME',
    description: 'how long the log of a run is kept after its end: 12h, 90d, or forever (default 90d)',
  },
  'keep-logs-size': {
    value: 'SIZE',
    description: 'what the logs of all runs may take; then the oldest go: 500MB, 10GiB (default 10GiB)',
  },
  'keep-runs': {
    value: 'TIME',
    description: 'how long a run stays on record: 365d, at least 7d (default forever)',
  },
  'max-log-size': {
    value: 'SIZE',
    description: 'what is kept of the output of one run; the rest is dropped (default 256MiB)',
  },
  'secret-file': {
    value: 'PATH',
    path: true,
    private: true,
    description: 'secrets for the pipelines of all tenants, as KEY=VALUE lines; kept from then on',
  },
} as const satisfies Record<string, Setting>

/** Those above, and whatever the stores for secrets bring along (`vault/backend-registry.ts`). */
export type SettingName = keyof typeof table | `secrets-${string}`
export const SETTINGS: Readonly<Record<string, Setting>> = Object.assign(
  { ...table },
  ...BACKENDS.map((kind) => kind.settings),
)
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[]

/** `oauth-session-secret` → `OAUTH_SESSION_SECRET`, to be prefixed with `FOB_` or `CI_`. */
export function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_')
}
