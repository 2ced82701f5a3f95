/** The permissions a token can carry, with the words that the consent page uses. */
export const SCOPES = {
  'pipelines:read': 'See your pipelines',
  'pipelines:write': 'Create, change and delete pipelines',
  'runs:read': 'See runs and their logs',
  'runs:trigger': 'Start and stop runs',
  'secrets:read': 'See the names of secrets, never their values',
  'secrets:write': 'Set and delete secrets',
  'runners:read': 'See runners',
  'runners:manage': 'Create, change and delete runners',
} as const

export type Scope = keyof typeof SCOPES

export const ALL_SCOPES = Object.keys(SCOPES) as readonly Scope[]

export function isScope(text: string): text is Scope {
  return Object.hasOwn(SCOPES, text)
}
