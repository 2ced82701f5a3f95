/** The environment of a task, with the values of its secrets. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'

const environment = v.record(v.string(), v.union([v.instance(Secret), v.string(), v.number(), v.boolean()]))

/**
 * @param resolve turns `secret:` references into `Secret`s
 * @throws Fault `failed` for a secret that is missing, or that no variable can hold
 */
export async function resolveEnvironment(
  env: unknown,
  resolve: (value: unknown) => Promise<unknown>,
): Promise<Record<string, string | Secret>> {
  const resolved = v.parse(environment, await resolve(env))
  return Object.fromEntries(
    Object.entries(resolved).map(([key, value]) => [
      key,
      value instanceof Secret ? requireText(key, value) : String(value),
    ]),
  )
}

/** The environment of a process is text, and a NUL ends it. */
function requireText(variable: string, value: Secret): Secret {
  if (value.bytes().includes(0)) throw new Fault('failed', `the value of env.${variable} contains a NUL`)
  if (!value.isText) throw new Fault('failed', `the value of env.${variable} is not text`)
  return value
}
