/** `fob auth login`: obtains a credential, checks it at the server and stores it. */
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import { defineCommand } from '../../command.ts'
import { chooseMethod, WORKLOADS } from '../../login/choose-login-method.ts'
import { logIn } from '../../login/log-in.ts'
import { parseTimeout } from '../../parsing/duration-flags.ts'

const DEFAULT_TIMEOUT = '5m'
/** A device code has an end of its own, and the person may be on the way to another machine. */
const DEVICE_TIMEOUT = '24h'

export const command = defineCommand({
  meta: {
    description: 'Log in to a server',
    details: `Opens the browser, where you approve the request. Without a browser on this machine, use --no-browser and paste a
code, or --device and type one. To store a token that you already have, use --token-stdin; with --jwt-token, the form
and the expiry of the token are checked first. A CI job needs no token: --workload exchanges the job's own identity,
and commands do the same without a login where FOB_SERVER or --server names the server. Every credential is tried at
the server before it is stored; one that the server refuses changes nothing. It is stored in the keychain, or in a
file that only you can read. Works with any OAuth server; at a fob server, the login that it replaces is revoked.
Commands use the server of the last login, unless config.toml, a project's .fob.toml or FOB_SERVER names another.`,
    examples: [
      'fob auth login -s https://ci.example.com',
      'fob auth login --tenant acme --timeout 10m',
      'fob auth login --no-browser                         # the browser is on another machine',
      'fob auth login --device                             # approve on a phone; needs no terminal here',
      'printenv TOKEN | fob auth login --token-stdin -s https://ci.example.com',
      'fob auth login --jwt-token eyJ…                     # stored, not just used for one call',
      'fob auth login --workload github                    # in a job with "permissions: id-token: write"',
      'fob auth login -s https://ada@ci.example.com        # Basic authentication; asks for the password',
      'fob auth login -s https://id.example.com --client-id my-client --scope openid --scope email',
    ],
  },
  args: {
    browser: {
      type: 'boolean',
      default: true,
      description: 'open the browser of this machine',
      negativeDescription: 'show the address, and read the code that you paste',
    },
    oob: {
      type: 'boolean',
      default: false,
      description: 'the server shows the code itself (urn:ietf:wg:oauth:2.0:oob); implies --no-browser',
    },
    device: {
      type: 'boolean',
      default: false,
      description: 'show a short code to approve on any machine (RFC 8628)',
    },
    'token-stdin': {
      type: 'boolean',
      default: false,
      description: 'store the token on standard input',
    },
    'with-token': {
      type: 'string',
      valueHint: 'TOKEN',
      description: 'store this token (it stays in the shell history: better --token-stdin)',
    },
    workload: {
      type: 'enum',
      options: WORKLOADS,
      valueHint: 'SYSTEM',
      description:
        "exchange the ID token of this CI job: github's, gitlab's in FOB_ID_TOKEN, or auto for the one there is",
    },
    'workload-token-file': {
      type: 'string',
      valueHint: 'PATH',
      description:
        'exchange the ID token in this file, such as a projected token in Kubernetes (FOB_ID_TOKEN_FILE)',
    },
    'client-id': {
      type: 'string',
      valueHint: 'ID',
      description: 'the OAuth client to log in as (FOB_CLIENT_ID)',
    },
    scope: {
      type: 'string',
      repeatable: true,
      valueHint: 'SCOPE',
      description: 'ask for this permission only',
      completes: ALL_SCOPES,
    },
    par: {
      type: 'boolean',
      default: false,
      description:
        'send the authorization request to the server first (RFC 9126), also where it does not require that',
    },
    dpop: {
      type: 'boolean',
      default: false,
      description:
        'bind the tokens to a key of this login (RFC 9449), also where the server does not require that',
    },
    'insecure-storage': {
      type: 'boolean',
      default: false,
      description: 'store in the file, not in the keychain',
    },
    timeout: {
      type: 'string',
      valueHint: 'TIME',
      description: `how long to wait (default ${DEFAULT_TIMEOUT}; with --device, until the code expires)`,
    },
  },
  run: async ({ args, globals }, deps) => {
    const method = chooseMethod(args, globals)
    const timeout = args.timeout ?? (method.kind === 'device' ? DEVICE_TIMEOUT : DEFAULT_TIMEOUT)
    const options = {
      globals,
      method,
      clientId: args['client-id'],
      scopes: args.scope,
      pushed: args.par,
      dpop: args.dpop,
      insecureStorage: args['insecure-storage'],
      timeoutMs: parseTimeout(timeout, '--timeout'),
    }
    await logIn(options, deps)
  },
})
