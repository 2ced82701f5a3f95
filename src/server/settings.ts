import { Fault } from '../contract/fault.ts'
import { Secret } from '../redact/secret.ts'
import { gatherSettings, type SettingSources } from './setting-values.ts'
import { chooseStrategy, type Strategy } from './strategy.ts'

export interface ServerSettings {
  listen: { hostname: string; port: number }
  dataDir: string
  strategy: Strategy
  /** What opens the vault; without it, nothing can be stored there. */
  passphrase: Secret | undefined
  /** The rule that every caller has to pass; undefined: none. */
  rbac: string | undefined
  /** Addresses and networks whose `X-Forwarded-For` is believed; none by default. */
  trustedProxies: readonly string[]
}

/**
 * The settings of a server, checked together.
 * @throws Fault `config` naming the settings that are missing, clash (S2, S9, S17, S21), are malformed, or are
 * empty where a value is what keeps strangers out.
 */
export function readSettings(sources: SettingSources): ServerSettings {
  const values = gatherSettings(sources)
  const listen = parseListen(values.listen ?? '127.0.0.1:8080')
  const strategy = chooseStrategy(values)
  if (strategy.kind === 'open' && !isLoopback(listen.hostname) && values['open-to-network'] !== 'true') {
    // An open server makes everyone an administrator: beyond loopback only when told so in as many words.
    throw new Fault(
      'config',
      `without authentication, fob listens on loopback only, not on ${listen.hostname}`,
      {
        hint: 'set --basic-auth-username and --basic-auth-password, or --local-accounts, or --open-to-network',
      },
    )
  }
  refuseRuleWithoutOauth(values.rbac, strategy)
  const passphrase = values['secrets-sqlite-passphrase']
  return {
    listen,
    strategy,
    dataDir: values.data ?? './fob-data',
    passphrase: passphrase === undefined ? undefined : new Secret(passphrase),
    rbac: values.rbac,
    trustedProxies: (values['trusted-proxy'] ?? '').split(/[\s,]+/).filter((entry) => entry !== ''),
  }
}

/** S9: a rule needs to know who is calling, which only OAuth can tell. */
function refuseRuleWithoutOauth(rule: string | undefined, { kind }: Strategy): void {
  if (rule === undefined || kind === 'oauth') return
  const clash =
    kind === 'basic' ? '--rbac and --basic-auth-username cannot both be set' : '--rbac needs OAuth'
  throw new Fault('config', clash, { hint: 'rules work with an OAuth provider or --local-accounts' })
}

function parseListen(text: string): ServerSettings['listen'] {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s]*)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new Fault('config', `--listen takes HOST:PORT, not "${text}"`, {
      hint: 'for example 127.0.0.1:8080',
    })
  }
  return { hostname: match[1] ?? (match[2] || '0.0.0.0'), port }
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
