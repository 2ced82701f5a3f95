/** The default lifetimes of tokens, codes and sessions. */
/** All in seconds. */
export interface Lifetimes {
  /** An access token that comes with a refresh token. */
  accessTokenWithRefresh: number
  /** An access token issued alone. */
  accessTokenAlone: number
  /** A refresh token that is not used; each use starts it again. */
  refreshToken: number
  /** A login as a whole, however often it is refreshed. */
  grant: number
  /** A browser's session, from its last use. */
  session: number
  /** A browser's session from its login, however much it is used. */
  sessionAbsolute: number
  /** From the authorize URL to the response of its last page. */
  interaction: number
}

const DAY = 24 * 60 * 60

export const DEFAULT_LIFETIMES: Lifetimes = {
  accessTokenWithRefresh: 60 * 60,
  accessTokenAlone: 30 * DAY,
  refreshToken: 30 * DAY,
  grant: 365 * DAY,
  session: DAY,
  sessionAbsolute: 14 * DAY,
  interaction: 15 * 60,
}
