/** What a failed git or ssh command means, as a message without credentials. */
import { Fault } from '../../../contract/fault.ts'
import { safeLine } from '../../../platform/terminal/make-text-printable.ts'
import { type Access, type GitSource, portHint } from './git-source.ts'

/** The marker that our script prints when `ssh-add` fails. */
const NO_KEY = 97

type Explanation = readonly [mark: RegExp, fact: (at: string) => string, hint?: string]

/** By the English messages of git and ssh. The first match counts. */
const EXPLANATIONS: readonly Explanation[] = [
  [
    /host key verification failed|no matching host key|REMOTE HOST IDENTIFICATION/i,
    (at) => `the host key of ${at} is not the one that is known`,
    'if it was changed on purpose, put the new one into source.known_hosts',
  ],
  [
    /Permission denied \(|no such identity|Too many authentication failures/,
    (at) => `${at} does not accept the private key`,
    'is it the key of someone who may read, or for a push write, the repository?',
  ],
  [
    /\bHTTP 413\b|returned error: 413/,
    (at) => `${at} takes no push of this size (HTTP 413)`,
    'its web server has a limit: client_max_body_size of nginx, LimitRequestBody of Apache, server.max-request-size of lighttpd; over ssh there is none',
  ],
  [
    /\bHTTP 411\b|returned error: 411/,
    (at) => `${at} takes no push whose length is not known before (HTTP 411)`,
    'its web server, or a proxy in front of it, has to take chunked requests; over ssh there are none',
  ],
  [
    /Authentication failed|could not read (?:Username|Password)|The requested URL returned error: 40[13]/,
    (at) => `${at} does not let us in`,
    'check source.token, or username and password, and what they may do',
  ],
  [
    /[Rr]epository not found|not found|does not appear to be a git repository/,
    (at) => `there is no repository at ${at}, or it is not ours to see`,
  ],
  [/returned error: 30\d|redirect/i, (at) => `${at} has moved`, 'put its new address into source.uri'],
  [/Could not resolve (?:host|hostname|proxy)/i, (at) => `${at}: its name is not known`],
  [
    /SSL certificate|certificate verif|server certificate/i,
    (at) => `the certificate of ${at} is not trusted`,
  ],
  [
    /Connection refused|Failed to connect|Connection timed out|Operation timed out|Couldn't connect/i,
    (at) => `${at} cannot be reached`,
  ],
  [
    /\[rejected\]|non-fast-forward|fetch first|stale info/,
    () => 'the branch has moved on meanwhile',
    'fetch it again, or push with params.rebase or params.force',
  ],
  [/remote rejected|pre-receive hook declined|protected branch/i, (at) => `${at} does not take the push`],
  [/could not apply|CONFLICT/, () => 'the commits do not fit onto the branch as it is now'],
  [
    /RPC failed|unexpected disconnect/,
    (at) => `the connection to ${at} broke in the middle`,
    'a limit on size or time does this: the log of its web server, or of the proxy in front of it, says which',
  ],
]

/** Whether an HTTP connection broke in the middle, without a response that says why: over HTTP/1.1 there may be one. */
export function isBrokenTransfer(stderr: string): boolean {
  if (/\bHTTP [45]\d\d\b|returned error: \d{3}/.test(stderr)) return false
  return /RPC failed|unexpected disconnect|HTTP\/2 stream|HTTP2 framing/.test(stderr)
}

/** The meaning of a failed command. Its own message is used, as one line, only when it is not a known one. */
export function explainGit(code: number, stderr: string, { url, access }: GitSource): Fault {
  if (code === NO_KEY) {
    return new Fault('failed', 'source.private_key is not a private key, or is protected by a passphrase', {
      hint: 'create one without: ssh-keygen -t ed25519 -N "" -f deploy_key',
    })
  }
  if (leadsAway(stderr, access)) {
    return new Fault(
      'failed',
      'a submodule leads to another host, or another protocol, than the repository',
      {
        hint: 'fetch it as a resource of its own',
      },
    )
  }
  const known = EXPLANATIONS.find(([mark]) => mark.test(stderr))
  const words = safeLine(said(stderr), 300)
  if (known === undefined) return new Fault('failed', words === '' ? `git ended with ${code}` : words)
  const [, fact, usual] = known
  const hints = [usual, portHint(url)].filter((hint) => hint !== undefined)
  return new Fault('failed', fact(url), hints.length === 0 ? {} : { hint: hints.join('; ') })
}

/** Whether git was blocked from another host or protocol: by its settings, ssh's `false`, or a proxy at port 1. */
function leadsAway(stderr: string, access: Access): boolean {
  if (/transport '.*' not allowed|UNKNOWN port 65535/.test(stderr)) return true
  if (access.kind === 'ssh') return false
  // The repository itself is accessed without the proxy, even if it claims to be at that very address.
  const others = stderr.split('\n').filter((line) => !line.includes(`'${access.origin}/`))
  return others.some((line) => /127\.0\.0\.1 port 1\b/.test(line))
}

/** The lines with the errors of git and of the remote side. */
function said(stderr: string): string {
  const lines = stderr.split('\n')
  const complaints = lines.filter((line) => /^(?:fatal|error|remote):/.test(line))
  return (complaints.length > 0 ? complaints : lines).join(' ')
}
