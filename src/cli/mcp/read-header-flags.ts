/** `--header NAME=VALUE` of `fob mcp-proxy`. */
import { Fault } from '../../contract/fault.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { Secret } from '../../redact/secret.ts'

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** A value, or the part of it behind a scheme, is read from a variable. */
const REFERENCE = /^(?<scheme>[A-Za-z][A-Za-z0-9-]* +)?env:(?<name>[A-Za-z_][A-Za-z0-9_]*)$/
/** Headers that carry a secret: every user of the machine can read the arguments of a process. */
const SECRET = /authorization|cookie|token|secret|api-?key|password/
/** Set by the transport. */
const OURS = /^(?:host|connection|content-.*|transfer-encoding|accept|mcp-.*|last-event-id|dpop)$/

/**
 * The headers by their names in lower case.
 * @throws Fault `usage` for one that is not in this form, or has a secret in the argument; never repeats a value
 */
export function readHeaders(flags: readonly string[], env: Env): Map<string, Secret> {
  return new Map(flags.map((flag) => readHeader(flag, env)))
}

function readHeader(flag: string, env: Env): [string, Secret] {
  const [, name = '', text = ''] = /^([^=:]*)[=:]\s*(.*)$/s.exec(flag) ?? []
  if (!NAME.test(name)) {
    throw new Fault('usage', '--header takes NAME=VALUE', {
      hint: 'such as --header "Authorization=Bearer env:TOKEN"',
    })
  }
  const key = name.toLowerCase()
  if (OURS.test(key)) throw new Fault('usage', `--header cannot set ${name}: the proxy does`)
  const value = resolve(name, text.trim(), env)
  if (!VALUE.test(value.reveal())) {
    throw new Fault('usage', `--header ${name}: its value has a character that no header can have`)
  }
  return [key, value]
}

function resolve(name: string, text: string, env: Env): Secret {
  const { scheme = '', name: variable } = REFERENCE.exec(text)?.groups ?? {}
  if (variable === undefined) {
    if (!SECRET.test(name.toLowerCase())) return new Secret(text)
    throw new Fault(
      'usage',
      `--header ${name}: other users of this machine can read the arguments of a process`,
      {
        hint: `put the secret into a variable, and name that: --header "${name}=Bearer env:TOKEN"`,
      },
    )
  }
  const value = env[variable]
  if (value === undefined || value === '') {
    throw new Fault('usage', `--header ${name}: the variable ${variable} is not set`)
  }
  return new Secret(`${scheme}${value}`)
}
