/** What somebody is told who has logged in with a provider and is not let in here. */
export const STRANGER_TEXTS = {
  not_admitted: 'The rule of this server does not let that account in. Its administrator can say more.',
  not_a_member:
    'That account is not a member of anything here yet. Ask an administrator of this server to add you by your e-mail or login there, or to invite you.',
} as const

/** The same as an `error_description` (RFC 6749 §5.2), which programs put into a message of their own. */
export const STRANGER_REASONS = {
  not_admitted: 'the rule of this server does not let that account in',
  not_a_member:
    'that account is not a member of anything here yet; an administrator can add it by e-mail or login, or invite you',
} as const
