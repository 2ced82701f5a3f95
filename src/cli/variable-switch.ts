import { Fault } from '../contract/fault.ts'
import type { Env } from '../platform/processes/environment.ts'
import { readSwitch, SWITCH_HINT } from '../platform/boolean-words.ts'

/**
 * What a variable says that is on or off; undefined where it says nothing, as an empty one.
 * @throws Fault `config` naming the variable, never its value
 */
export function variableSwitch(env: Env, name: `FOB_${string}`): boolean | undefined {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  const on = readSwitch(text)
  if (on !== undefined) return on
  throw new Fault('config', `${name} is true or false, nothing else`, { hint: SWITCH_HINT })
}
