/** The settings of how long tokens live. */
import { Fault } from '../../contract/fault.ts'
import { DEFAULT_LIFETIMES, type Lifetimes } from '../issuer/tokens/default-lifetimes.ts'
import type { SettingName } from './setting-table.ts'
import { parseAge } from './parse-ages-and-sizes.ts'
import type { SettingValues } from './setting-values.ts'

/** How long tokens live, in seconds. */
export type TokenLifetimes = Pick<Lifetimes, 'accessTokenWithRefresh' | 'accessTokenAlone' | 'refreshToken'>

/**
 * @throws Fault `config` naming the setting. The least is a minute, since the command line renews a token 30 s before
 * its end; the most is what a stolen one may be worth.
 */
export function readTokenLifetimes(values: SettingValues): TokenLifetimes {
  const { accessTokenWithRefresh, accessTokenAlone, refreshToken } = DEFAULT_LIFETIMES
  const seconds = (name: SettingName, least: string, most: string) => ttl(name, values[name], { least, most })
  const lifetimes = {
    accessTokenWithRefresh: seconds('oauth-access-token-ttl', '1m', '1d') ?? accessTokenWithRefresh,
    accessTokenAlone: seconds('oauth-access-token-alone-ttl', '1m', '365d') ?? accessTokenAlone,
    refreshToken: seconds('oauth-refresh-token-ttl', '1h', '365d') ?? refreshToken,
  }
  if (lifetimes.refreshToken < lifetimes.accessTokenWithRefresh) {
    throw new Fault('config', '--oauth-refresh-token-ttl is shorter than --oauth-access-token-ttl', {
      hint: 'a login continues by its refresh token when its access token has expired',
    })
  }
  return lifetimes
}

const EXAMPLES = ['45m', '12h', '30d']

function ttl(
  name: SettingName,
  text: string | undefined,
  { least, most }: { least: string; most: string },
): number | undefined {
  if (text === undefined) return undefined
  const within = (time: string): number | undefined => {
    const ms = parseAge(time)
    return ms !== undefined && ms >= (parseAge(least) ?? 0) && ms <= (parseAge(most) ?? 0) ? ms : undefined
  }
  const ms = within(text)
  if (ms !== undefined) return ms / 1000
  const such = EXAMPLES.filter((example) => within(example) !== undefined).join(' or ')
  throw new Fault('config', `--${name} takes a time from ${least} to ${most}, such as ${such}, not ${text}`)
}
